import js from '@eslint/js'
import { plugin as mumega } from '@mumega/eslint-plugin'
import tseslint from 'typescript-eslint'

const NODE_GLOBALS = Object.fromEntries(
  [
    ...['AbortController', 'AbortSignal', 'Buffer', 'TextDecoder', 'TextEncoder', 'URL'],
    ...['URLSearchParams', 'clearInterval', 'clearTimeout', 'console', 'fetch', 'performance'],
    ...['process', 'queueMicrotask', 'setImmediate', 'setInterval', 'setTimeout'],
  ].map((name) => [name, 'readonly']),
)

const TESTS = ['**/*.test.ts', 'packages/*/test/**/*.ts', 'services/*/test/**/*.ts', 'test/**/*.ts']

const STYLE = {
  eqeqeq: ['error', 'always'],
  'max-depth': ['error', 4],
  'max-lines': ['error', { max: 300 }],
  'max-lines-per-function': ['error', { max: 70 }],
  'max-params': ['error', 3],
  'no-param-reassign': 'error',
  'no-restricted-imports': [
    'error',
    { patterns: [{ group: ['../../*'], message: 'Import the package by its name.' }] },
  ],
  'no-restricted-syntax': [
    'error',
    {
      selector: 'ExportAllDeclaration',
      message: 'Export names from the module that defines them.',
    },
    {
      selector: "CallExpression[callee.object.name='Type'][callee.property.name='Record']",
      message:
        'No name with a line break fits its pattern. Take mapOf of @mumega/contracts/scalars.',
    },
    {
      selector: "CallExpression[callee.property.name='Errors']",
      message: 'A long list takes the square of its length. Take complaintsOf of variants.ts.',
    },
    {
      selector: "CallExpression[callee.object.name='jest'][callee.property.name=/[mM]ock/]",
      message: 'Test with the real part. Fakes belong at the far edge, in the testkit.',
    },
  ],
}

const TYPED = {
  '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
  '@typescript-eslint/no-explicit-any': 'error',
  '@typescript-eslint/no-floating-promises': 'error',
  '@typescript-eslint/no-non-null-assertion': 'error',
  '@typescript-eslint/no-unused-vars': [
    'error',
    { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true },
  ],
  '@typescript-eslint/only-throw-error': 'error',
  '@typescript-eslint/switch-exhaustiveness-check': [
    'error',
    { considerDefaultExhaustiveForUnions: true },
  ],
  // What is opened here is an object of closures, which know no `this`.
  '@typescript-eslint/unbound-method': 'off',
  // A handler is `async` because its caller expects a promise, whether or not it waits for
  // anything.
  '@typescript-eslint/require-await': 'off',
  '@typescript-eslint/restrict-template-expressions': [
    'error',
    { allowNumber: true, allowBoolean: true },
  ],
}

export default tseslint.config(
  { ignores: ['**/dist/**', '**/node_modules/**', '.mumega/**', '.cache/**'] },
  {
    linterOptions: { reportUnusedDisableDirectives: 'error', reportUnusedInlineConfigs: 'error' },
  },
  {
    files: ['**/*.mjs'],
    ...js.configs.recommended,
    languageOptions: { globals: NODE_GLOBALS },
    rules: { ...js.configs.recommended.rules, ...STYLE },
  },
  {
    files: ['packages/**/*.ts', 'services/**/*.ts', 'test/**/*.ts'],
    extends: [js.configs.recommended, tseslint.configs.recommendedTypeChecked],
    languageOptions: {
      parserOptions: { project: 'tsconfig.eslint.json', tsconfigRootDir: import.meta.dirname },
    },
    plugins: { mumega },
    rules: { ...STYLE, ...TYPED, 'mumega/no-audit-before-write': 'error' },
  },
  {
    // The one program that runs in a browser, with the types of a browser.
    files: ['packages/verify-page/**/*.ts'],
    languageOptions: {
      parserOptions: {
        project: ['packages/verify-page/tsconfig.json', 'packages/verify-page/test/tsconfig.json'],
        tsconfigRootDir: import.meta.dirname,
      },
    },
  },
  {
    files: ['packages/db/**/*.ts'],
    rules: { 'mumega/no-audit-before-write': ['error', { direct: 'allowed' }] },
  },
  {
    files: TESTS,
    rules: {
      // Tests play the forger, and `describe` is one function around many.
      'mumega/no-audit-before-write': ['error', { direct: 'allowed' }],
      'max-lines-per-function': ['error', { max: 200 }],
    },
  },
)
