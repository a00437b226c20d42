package main

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

// faults are what --fault accepts. The 429 asks to wait too long for any retry, as Junction does.
var faults = []struct {
	name  string
	fault junctiontest.Fault
}{
	{"401", junctiontest.Status(http.StatusUnauthorized)},
	{"404", junctiontest.Status(http.StatusNotFound)},
	{"422", junctiontest.Status(http.StatusUnprocessableEntity)},
	{"429", junctiontest.TooManyRequests(20 * time.Minute)},
	{"500", junctiontest.Status(http.StatusInternalServerError)},
	{"503", junctiontest.Status(http.StatusServiceUnavailable)},
	{"reset", junctiontest.ResetConnection()},
	{"hang", junctiontest.NeverAnswer()},
	{"slow", junctiontest.Latency(20 * time.Second)},
	{"drip", junctiontest.SlowDrip(100 * time.Millisecond)},
	{"html", junctiontest.HTML(http.StatusOK)},
	{"empty", junctiontest.EmptyBody(http.StatusOK)},
	{"truncated", junctiontest.Truncated()},
	{"oversized", junctiontest.Oversized(2 << 20)},
	{"gzip-bomb", junctiontest.GzipBomb(8 << 20)},
	{"redirect", junctiontest.Redirect(http.StatusTemporaryRedirect, "https://example.com/elsewhere")},
	{"wrong-user", junctiontest.AnotherUser(junctiontest.UnknownUserID)},
	{"wrong-types", junctiontest.WrongTypes()},
	{"null-lists", junctiontest.NullLists()},
}

func faultNames() string {
	var names []string
	for _, f := range faults {
		names = append(names, f.name)
	}
	return strings.Join(names, ", ")
}

// calls are the calls of Junction that --fault can name. Without a name a fault hits refreshes only, and spares what is
// read on the way.
var calls = []junctiontest.Call{
	junctiontest.RefreshCall, junctiontest.ResolveCall, junctiontest.ListCall, junctiontest.IntrospectCall, junctiontest.ConnectionsCall,
}

func callNames() string {
	var names []string
	for _, call := range calls {
		names = append(names, string(call))
	}
	return strings.Join(names, ", ")
}

// inject makes the simulator fail as NAME[@CALL][:N] says, after the faults that were injected before.
func inject(simulator *junctiontest.Simulator, spec string) error {
	target, times, counted := strings.Cut(spec, ":")
	name, call, named := strings.Cut(target, "@")
	if !named {
		call = string(junctiontest.RefreshCall)
	}
	n := junctiontest.Always
	if counted {
		var err error
		if n, err = strconv.Atoi(times); err != nil || n < 1 {
			return usagef("--fault %s: %q is not a number of times", name, times)
		}
	}
	if !slices.Contains(calls, junctiontest.Call(call)) {
		return usagef("--fault %s: there is no call %q; there are %s", name, call, callNames())
	}
	for _, f := range faults {
		if f.name == name {
			simulator.InjectWhen(junctiontest.On(junctiontest.Call(call)), n, f.fault)
			return nil
		}
	}
	return usagef("--fault: %q is unknown; there are %s", name, faultNames())
}
