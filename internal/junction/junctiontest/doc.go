// Package junctiontest simulates the part of the HTTP API of Junction (formerly Vital) that this repository
// calls: refresh a user, list users, and resolve a client_user_id. Tests serve it with an httptest.Server;
// cmd/local starts it on a loopback address with [Simulator.Start], so that the function can be tried on a
// laptop without an account.
//
// The answers follow Junction's API reference ("Refresh user data", "Get users", "Resolve user") and its
// OpenAPI document: shapes, limits, status codes, and FastAPI's reports of invalid parameters. What the
// reference does not document (the text of a 401, which calls count against the rate limit) is plausible, and
// a comment says so; no client should depend on it.
//
// A new simulator accepts [DefaultKey] and has [DefaultUsers]. A [Fault] makes it misbehave for chosen requests
// ([Simulator.Inject], [Simulator.InjectFor], [Simulator.InjectWhen]) or for a random share of them
// ([WithRandomFaults]). Every request is recorded ([Simulator.Requests], [Simulator.Calls]) and can be observed
// ([OnExchange]). Credentials in headers are masked whenever they are printed.
//
// It uses the time package, so it works in a testing/synctest bubble if ServeHTTP is called directly. Outside of
// a bubble, [WithSpeed] shortens the waits.
package junctiontest
