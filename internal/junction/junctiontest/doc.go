// Package junctiontest simulates the part of the HTTP API of Junction (formerly Vital) that this repository
// calls: refresh a user, list users, resolve a client_user_id, and read a user's last ingestion attempts and
// connections. Tests serve it with an httptest.Server; cmd/local starts it on a loopback address with
// [Simulator.Start], so that the function can be tried on a laptop without an account.
//
// The answers follow Junction's API reference ("Refresh user data", "Get users", "Resolve user", "Get user
// resources", "Get user connections") and its OpenAPI document: shapes, limits, status codes, and FastAPI's
// reports of invalid parameters. What the reference does not document (the text of a 401, which calls count
// against the rate limit) is plausible, and a comment says so; no client should depend on it.
//
// A source whose refresh takes longer than the call is in progress in the answer and ends later, at its own time
// ([Source]): then its last_attempt in the introspection changes. That it does so in Junction follows from the
// reference, but has not been tried.
//
// A new simulator accepts [DefaultKey] and has [DefaultUsers]. A [Fault] makes it misbehave for chosen requests
// ([Simulator.Inject], [Simulator.InjectFor], [Simulator.InjectWhen]) or for a random share of them
// ([WithRandomFaults]); [On] and [Only] limit it to some calls. Every request is recorded ([Simulator.Requests],
// [Simulator.Calls], [Simulator.Count]) and can be observed ([OnExchange]). Credentials in headers are masked
// whenever they are printed.
//
// It uses the time package, so it works in a testing/synctest bubble if ServeHTTP is called directly. Outside of
// a bubble, [WithSpeed] shortens the waits, and [WithClock] takes the time from the test.
package junctiontest
