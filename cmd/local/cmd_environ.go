package main

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/config"
	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

// fromUser are the variables that a live run takes from the user's environment as they are; it takes
// JUNCTION_API_KEY too.
var fromUser = []string{"JUNCTION_ENVIRONMENT", "JUNCTION_BASE_URL"}

// simulated returns the environment of a function that calls the simulator at url. It takes nothing from
// the user's environment: no key and no URL that was meant for Junction.
func (g *Globals) simulated(c *console, url string) ([]string, error) {
	environ, err := g.callerAuth(junctiontest.DefaultKey)
	if err != nil {
		return nil, err
	}
	return g.configured(c, append(environ, "JUNCTION_BASE_URL="+url, "FOLLOW_UP="+g.pauses()))
}

// maxPause is the longest pause that FOLLOW_UP may have.
const maxPause = 15 * time.Minute

// pauses returns the function's own pauses before the looks of a follow-up, shortened like the waits of the simulator
// but to whole seconds: a look at sources that end 50 times sooner can come sooner too.
func (g *Globals) pauses() string {
	var shortened []string
	for _, d := range defaultPauses() {
		seconds := math.Ceil(min(d.Seconds()/g.Speed, maxPause.Seconds()))
		shortened = append(shortened, (time.Duration(max(1, seconds)) * time.Second).String())
	}
	return strings.Join(shortened, ",")
}

// defaultPauses returns the function's own pauses before the looks of a follow-up.
func defaultPauses() []time.Duration {
	cfg, err := config.Parse([]string{"JUNCTION_API_KEY=" + junctiontest.DefaultKey})
	if err != nil {
		panic(err) // the defaults are constants
	}
	return cfg.FollowUp
}

// live returns the environment of a function that calls Junction itself.
func (g *Globals) live(c *console) ([]string, error) {
	if strings.TrimSpace(c.environ["JUNCTION_API_KEY"]) == "" {
		return nil, usagef("--live needs your team's key: set JUNCTION_API_KEY in the environment")
	}
	environ, err := g.callerAuth(c.environ["JUNCTION_API_KEY"])
	if err != nil {
		return nil, err
	}
	for _, name := range fromUser {
		environ = append(environ, name+"="+c.environ[name])
	}
	return g.configured(c, environ)
}

// configures reports whether --config sets a variable, even if to nothing.
func (g *Globals) configures(name string) bool {
	return slices.ContainsFunc(g.Config, func(entry string) bool { return strings.HasPrefix(entry, name+"=") })
}

// configured adds --timeout and --config to an environment, in which the last entry of a name counts, and
// hides the keys.
func (g *Globals) configured(c *console, environ []string) ([]string, error) {
	if g.Timeout != "" {
		environ = append(environ, "DEFAULT_TIMEOUT="+g.Timeout)
	}
	for _, entry := range g.Config {
		name, _, ok := strings.Cut(entry, "=")
		switch {
		case !ok:
			return nil, usagef("--config takes KEY=VALUE, and KEY is one of %s", strings.Join(config.Names(), ", "))
		case !slices.Contains(config.Names(), name):
			return nil, usagef("--config: the function has no variable %s; it has %s", name, strings.Join(config.Names(), ", "))
		case name == "JUNCTION_BASE_URL" && !g.Live:
			return nil, usagef("--config: JUNCTION_BASE_URL is the simulator's; use --live to call anything else")
		}
		environ = append(environ, entry)
	}
	for _, entry := range environ {
		if key, ok := strings.CutPrefix(entry, "JUNCTION_API_KEY="); ok {
			c.hideBundle(key)
		}
	}
	return environ, nil
}
