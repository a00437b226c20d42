package config

import (
	"errors"
	"math"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Each type below has the values that a variable may have. An error is a sentence about the rule, after the
// variable's name, and does not quote the value.
type (
	nonNegative time.Duration // 0 or more
	positive    time.Duration // more than 0
	atLeastOne  int
	quotaLimit  int // 0 to 1000
	seconds     float64
	environment string
	baseURL     string
	callerAuth  []string
	paths       [][]string
	eventTypes  []string
	queueURL    string
	bus         string
	pauses      []time.Duration // at most 5 of whole seconds, 1s to 15m
	boolean     bool
)

func (d *nonNegative) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil || v < 0 {
		return errors.New(`is not a duration of 0 or more, such as "90s" or "5m"`)
	}
	*d = nonNegative(v)
	return nil
}

func (d *positive) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil || v <= 0 {
		return errors.New(`is not a duration of more than 0, such as "90s" or "5m"`)
	}
	*d = positive(v)
	return nil
}

func (n *atLeastOne) UnmarshalText(text []byte) error {
	v, err := strconv.Atoi(string(text))
	if err != nil || v < 1 {
		return errors.New("is not a whole number of 1 or more")
	}
	*n = atLeastOne(v)
	return nil
}

func (n *quotaLimit) UnmarshalText(text []byte) error {
	v, err := strconv.Atoi(string(text))
	if err != nil || v < 0 || v > 1000 { // the time of each call is stored for the window
		return errors.New("is not a whole number from 0 to 1000")
	}
	*n = quotaLimit(v)
	return nil
}

func (s *seconds) UnmarshalText(text []byte) error {
	v, err := strconv.ParseFloat(string(text), 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return errors.New("is not a number of seconds")
	}
	*s = seconds(v)
	return nil
}

// Environments are Junction's environments, in the order of its documentation.
var Environments = []string{"production", "production_eu", "sandbox", "sandbox_eu"}

func (e *environment) UnmarshalText(text []byte) error {
	if !slices.Contains(Environments, string(text)) {
		return errors.New("is not one of " + strings.Join(Environments, ", "))
	}
	*e = environment(text)
	return nil
}

func (b *baseURL) UnmarshalText(text []byte) error {
	u, err := url.Parse(string(text))
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.ForceQuery:
		return errors.New("is not an absolute URL without user, query and fragment")
	case u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())):
		return errors.New("is not an https URL (http is allowed for a loopback address only)")
	}
	*b = baseURL(strings.TrimRight(string(text), "/"))
	return nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (c *callerAuth) UnmarshalText(text []byte) error {
	methods := splitList(text)
	for _, method := range methods {
		if !slices.Contains([]string{"signature", "token", "iam", "none"}, method) {
			return errors.New("is not a comma-separated list of signature, token and iam, or only none")
		}
	}
	if slices.Contains(methods, "none") && len(methods) > 1 {
		return errors.New("has none together with another method: none must be the only one")
	}
	if len(methods) == 0 {
		return errors.New("has no method to authenticate callers; for an open endpoint set none")
	}
	*c = methods
	return nil
}

func (p *paths) UnmarshalText(text []byte) error {
	for _, path := range splitList(text) {
		keys := strings.Split(path, ".")
		if slices.Contains(keys, "") {
			return errors.New("is not a comma-separated list of paths such as data.user_id")
		}
		*p = append(*p, keys)
	}
	if len(*p) == 0 {
		return errors.New("has no path")
	}
	return nil
}

func (e *eventTypes) UnmarshalText(text []byte) error {
	types := splitList(text)
	for _, t := range types {
		if strings.HasPrefix(t, "daily.data.") || strings.HasPrefix(t, "historical.data.") {
			return errors.New("has daily.data or historical.data events: a refresh causes them, so refreshing on them would loop")
		}
		if strings.ContainsRune(t, '*') {
			return errors.New("has a wildcard: list each event type")
		}
	}
	if len(types) == 0 {
		return errors.New("has no event type")
	}
	*e = types
	return nil
}

func (q *queueURL) UnmarshalText(text []byte) error {
	u, err := url.Parse(string(text))
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || strings.Trim(u.Path, "/") == "":
		return errors.New("is not the URL of an SQS queue, such as https://sqs.REGION.amazonaws.com/ACCOUNT/NAME")
	case strings.HasSuffix(u.Path, ".fifo"):
		return errors.New("is the URL of a FIFO queue; use a standard queue")
	}
	*q = queueURL(text)
	return nil
}

func (b *bus) UnmarshalText(text []byte) error {
	const name, arn = `[A-Za-z0-9/._-]{1,256}`, `arn:[^:]*:events:[^:]*:[^:]*:event-bus/`
	if !regexp.MustCompile(`^(` + arn + `)?` + name + `$`).Match(text) {
		return errors.New("is neither the name nor the ARN of an EventBridge bus")
	}
	*b = bus(text)
	return nil
}

func (p *pauses) UnmarshalText(text []byte) error {
	const maxPauses, maxPause = 5, 15 * time.Minute // SQS delays a message by 15 minutes at most
	if string(text) == "off" {
		return nil
	}
	for _, entry := range splitList(text) {
		d, err := time.ParseDuration(entry)
		if err != nil || d < time.Second || d > maxPause || d%time.Second != 0 {
			return errors.New(`is neither off nor a comma-separated list of whole seconds from 1s to 15m, such as "30s,1m"`)
		}
		*p = append(*p, d)
	}
	if len(*p) == 0 || len(*p) > maxPauses {
		return errors.New("does not have 1 to 5 pauses; for none, use off")
	}
	return nil
}

func (b *boolean) UnmarshalText(text []byte) error {
	if string(text) != "true" && string(text) != "false" {
		return errors.New("is neither true nor false")
	}
	*b = string(text) == "true"
	return nil
}

// splitList splits a comma-separated list. It leaves out empty entries, and the spaces around entries.
func splitList(text []byte) []string {
	var out []string
	for entry := range strings.SplitSeq(string(text), ",") {
		if entry = strings.TrimSpace(entry); entry != "" {
			out = append(out, entry)
		}
	}
	return out
}
