const TESTS = '(\\.test\\.ts$|^(packages|services)/[^/]+/test/|^test/|/given\\.ts$)'

/** Who may import whom. Dependencies point one way: services to packages, never back or across. */
export default {
  forbidden: [
    {
      name: 'no-service-to-service',
      comment: 'Services know each other only by @mumega/contracts.',
      severity: 'error',
      from: { path: '^services/([^/]+)/' },
      to: { path: '^services/', pathNot: '^services/$1/' },
    },
    {
      name: 'no-package-to-service',
      severity: 'error',
      from: { path: '^packages/' },
      to: { path: '^services/' },
    },
    {
      name: 'no-way-around-a-package-name',
      comment: 'A package is imported by its name, and then its exports decide what is public.',
      severity: 'error',
      from: { path: '^(packages|services)/([^/]+)/' },
      to: { path: '^(packages|services|test)/', pathNot: ['^$1/$2/', '/dist/'] },
    },
    {
      name: 'no-test-program-imported',
      comment: 'What crosses services is tested in test/, and nothing depends on it.',
      severity: 'error',
      from: { path: '^(packages|services|scripts)/' },
      to: { path: '^test/' },
    },
    {
      name: 'no-cycle',
      severity: 'error',
      from: {},
      // A cycle of types alone is gone when the code runs.
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'testkit-only-in-tests',
      severity: 'error',
      from: { path: '^(packages|services)/', pathNot: [TESTS, '^packages/testkit/'] },
      to: { path: '^packages/testkit/' },
    },
    {
      name: 'no-test-in-production',
      severity: 'error',
      from: { path: '^(packages|services)/', pathNot: TESTS },
      to: { path: '\\.test\\.ts$|/given\\.ts$' },
    },
    {
      name: 'bus-knows-no-database',
      severity: 'error',
      from: { path: '^packages/bus/src/', pathNot: TESTS },
      to: { path: '^packages/db/|node_modules/(pg|knex)/' },
    },
    {
      name: 'db-knows-no-bus',
      severity: 'error',
      from: { path: '^packages/db/src/', pathNot: TESTS },
      to: { path: '^packages/bus/|node_modules/@nats-io/' },
    },
    {
      name: 'contracts-know-nothing',
      comment: 'A contract depends on the schema library alone.',
      severity: 'error',
      from: { path: '^packages/contracts/src/', pathNot: TESTS },
      to: { pathNot: ['^packages/contracts/', 'node_modules/typebox/'] },
    },
    {
      name: 'tlog-is-pure',
      comment: 'The ledger arithmetic reads no network, file, clock or database.',
      severity: 'error',
      from: { path: '^packages/tlog/src/', pathNot: TESTS },
      to: { pathNot: ['^packages/tlog/', '^(node:)?(crypto|buffer)$'] },
    },
    {
      name: 'no-undeclared-dependency',
      severity: 'error',
      from: {},
      // The test runner is declared once, at the root.
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'], pathNot: '@jest/globals' },
    },
    {
      name: 'no-development-dependency-in-production',
      severity: 'error',
      from: { path: '^(packages|services)/', pathNot: [TESTS, '^packages/testkit/'] },
      to: {
        dependencyTypes: ['npm-dev'],
        dependencyTypesNot: ['npm', 'type-only'],
        pathNot: 'node_modules/@types/',
      },
    },
    {
      name: 'no-unresolvable',
      severity: 'error',
      // The peers of a bench are run beside packages of their own, which it installs.
      from: { pathNot: '^test/bench/peers/' },
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: ['node_modules', '/dist/'] },
    exclude: { path: ['(^|/)dist/.*\\.d\\.ts$'] },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    combinedDependencies: false,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.mjs', '.json'],
    },
  },
}
