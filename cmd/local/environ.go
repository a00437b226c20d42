package main

import (
	"slices"
	"strings"

	"github.com/junction-refresh/junction-refresh/internal/config"
	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

// fromUser are the variables that a live run takes from the user's environment as they are; it takes
// JUNCTION_API_KEY too.
var fromUser = []string{"JUNCTION_ENVIRONMENT", "JUNCTION_BASE_URL"}

// simulated is the function's environment in front of the simulator at url. It has nothing of the
// user's own: neither a key nor a URL that was meant for Junction gets in.
func (g *Globals) simulated(c *console, url string) ([]string, error) {
	environ, err := g.guarded(junctiontest.DefaultKey)
	if err != nil {
		return nil, err
	}
	return g.configured(c, append(environ, "JUNCTION_BASE_URL="+url))
}

// live is the function's environment in front of Junction.
func (g *Globals) live(c *console) ([]string, error) {
	if strings.TrimSpace(c.environ["JUNCTION_API_KEY"]) == "" {
		return nil, usagef("--live needs your team's key: set JUNCTION_API_KEY in the environment")
	}
	environ, err := g.guarded(c.environ["JUNCTION_API_KEY"])
	if err != nil {
		return nil, err
	}
	for _, name := range fromUser {
		environ = append(environ, name+"="+c.environ[name])
	}
	return g.configured(c, environ)
}

// configures says whether --config sets a variable, be it to nothing.
func (g *Globals) configures(name string) bool {
	return slices.ContainsFunc(g.Config, func(entry string) bool { return strings.HasPrefix(entry, name+"=") })
}

// configured adds --timeout and --config, of which the last word counts, and hides the keys.
func (g *Globals) configured(c *console, environ []string) ([]string, error) {
	if g.Timeout != "" {
		environ = append(environ, "DEFAULT_TIMEOUT="+g.Timeout)
	}
	for _, entry := range g.Config {
		name, _, ok := strings.Cut(entry, "=")
		switch {
		case !ok:
			return nil, usagef("--config takes KEY=VALUE, with one of %s", strings.Join(config.Names(), ", "))
		case !slices.Contains(config.Names(), name):
			return nil, usagef("--config: the function has no variable %s; it has %s", name, strings.Join(config.Names(), ", "))
		case name == "JUNCTION_BASE_URL" && !g.Live:
			return nil, usagef("--config: JUNCTION_BASE_URL is the simulator's; say --live to call anything else")
		}
		environ = append(environ, entry)
	}
	for _, entry := range environ {
		if key, ok := strings.CutPrefix(entry, "JUNCTION_API_KEY="); ok {
			c.hide(key)
		}
	}
	return environ, nil
}
