// Package junctiontest is a simulator of Junction's (formerly Vital's) HTTP API, as far as this
// repository calls it: refresh a user, list users, find a user by the app's own ID. Tests put it
// behind an httptest.Server; cmd/local starts it on a loopback address with [Simulator.Start], so
// that the function can be tried on a laptop without an account.
//
// What it answers follows Junction's API reference ("Refresh user data", "Get users", "Resolve
// user") and its OpenAPI document: shapes, limits, status codes, and FastAPI's way of reporting
// invalid parameters. Where the reference is silent (the text of a 401, the place of the rate
// limiter), the answer is a plausible one and the comment says so; no client should depend on it.
//
// A new simulator accepts [DefaultKey] and knows [DefaultUsers]. It can misbehave on demand: a
// [Fault] is put in the way of chosen requests with [Simulator.Inject], [Simulator.InjectFor] and
// [Simulator.InjectWhen], or of a seeded random share of them with [WithRandomFaults]. Every
// request is on record ([Simulator.Requests], [Simulator.Calls]) and can be watched as it happens
// ([OnExchange]); credentials in its headers are masked in whatever is printed.
//
// Time is the time package's own, so everything works inside a testing/synctest bubble when
// ServeHTTP is called directly. Outside of one, [WithSpeed] shortens the waits.
package junctiontest
