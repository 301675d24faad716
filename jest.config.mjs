/**
 * Jest runs what the compiler built: the tested code is the shipped code, and a type error fails
 * first.
 */
export default {
  testMatch: [
    '<rootDir>/{packages,services}/*/dist/**/*.test.js',
    '<rootDir>/test/dist/**/*.test.js',
  ],
  testEnvironment: 'node',
  transform: {},
  globalSetup: '<rootDir>/packages/testkit/dist/src/global-setup.js',
  globalTeardown: '<rootDir>/packages/testkit/dist/src/global-teardown.js',
  maxWorkers: 4,
  testTimeout: 60_000,
  forceExit: false,
}
