// Package harness starts what the whole-process tests need: the function as `sam build` builds it, in AWS's
// Runtime Interface Emulator; a fleet of instances; Junction, played by Prism or by the simulator; and
// stand-ins for Secrets Manager, SQS, EventBridge and DynamoDB.
//
// A test calls New, with options for what differs from the default, and sends events to the Function that it
// returns. Each test package calls Main or MainAlone from its TestMain. What is slow to start is started once
// per package, by the first test that needs it, and stopped at the end.
//
// A test whose tool is missing is skipped. If JUNCTION_REFRESH_TOOLS is "required", as `make test` sets it, the
// test fails instead.
//
// Nothing that ships imports this package; a test in test/docs holds that.
package harness
