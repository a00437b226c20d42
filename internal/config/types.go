package config

import (
	"errors"
	"math"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The types below say what a variable may hold. Each error is a sentence about the rule, without the
// value that broke it.

type (
	notNegative time.Duration // a Go duration, 0 or more
	positive    time.Duration // a Go duration over 0
	atLeastOne  int
	limit       int // 0 to 1000
	seconds     float64
	environment string
	baseURL     string
	callerAuth  []string
	paths       [][]string
	eventTypes  []string
	queueURL    string
	bus         string
)

func (d *notNegative) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil || v < 0 {
		return errors.New(`is not a duration of 0 or more, such as "90s" or "5m"`)
	}
	*d = notNegative(v)
	return nil
}

func (d *positive) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil || v <= 0 {
		return errors.New(`is not a duration over 0, such as "90s" or "5m"`)
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

func (n *limit) UnmarshalText(text []byte) error {
	v, err := strconv.Atoi(string(text))
	if err != nil || v < 0 || v > 1000 { // each call is kept for the window
		return errors.New("is not a whole number from 0 to 1000")
	}
	*n = limit(v)
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

// Environments are Junction's, in the order of its documentation.
var Environments = []string{"production", "production_eu", "sandbox", "sandbox_eu"}

func (e *environment) UnmarshalText(text []byte) error {
	if !slices.Contains(Environments, string(text)) {
		return errors.New("is none of " + strings.Join(Environments, ", "))
	}
	*e = environment(text)
	return nil
}

func (b *baseURL) UnmarshalText(text []byte) error {
	u, err := url.Parse(string(text))
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.ForceQuery:
		return errors.New("is not an absolute URL without user, query and fragment")
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())):
		return errors.New("is not https (http is for a loopback address only)")
	}
	*b = baseURL(strings.TrimRight(string(text), "/"))
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (c *callerAuth) UnmarshalText(text []byte) error {
	ways := list(text)
	for _, way := range ways {
		if !slices.Contains([]string{"signature", "token", "iam", "none"}, way) {
			return errors.New("is not a comma list of signature, token and iam, or none alone")
		}
	}
	if slices.Contains(ways, "none") && len(ways) > 1 {
		return errors.New("has none beside another way: none stands alone")
	}
	if len(ways) == 0 {
		return errors.New("names no way to authenticate a caller; for an open endpoint say none")
	}
	*c = ways
	return nil
}

func (p *paths) UnmarshalText(text []byte) error {
	for _, path := range list(text) {
		keys := strings.Split(path, ".")
		if slices.Contains(keys, "") {
			return errors.New("is not a comma list of paths such as data.user_id")
		}
		*p = append(*p, keys)
	}
	if len(*p) == 0 {
		return errors.New("names no path")
	}
	return nil
}

func (e *eventTypes) UnmarshalText(text []byte) error {
	types := list(text)
	for _, t := range types {
		if strings.HasPrefix(t, "daily.data.") || strings.HasPrefix(t, "historical.data.") {
			return errors.New("names daily.data or historical.data events: a refresh causes them, so acting on them would loop")
		}
		if strings.ContainsRune(t, '*') {
			return errors.New("has a wildcard: name each event type")
		}
	}
	if len(types) == 0 {
		return errors.New("names no event type")
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
		return errors.New("is a FIFO queue's; refreshes are in no order and need a standard queue")
	}
	*q = queueURL(text)
	return nil
}

func (b *bus) UnmarshalText(text []byte) error {
	name := string(text)
	if arn := strings.SplitN(name, ":", 6); arn[0] == "arn" { // arn:partition:events:region:account:event-bus/name
		name = ""
		if len(arn) == 6 && arn[2] == "events" {
			name, _ = strings.CutPrefix(arn[5], "event-bus/")
		}
	}
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-"
	if name == "" || len(name) > 256 || strings.Trim(name, letters) != "" {
		return errors.New("is neither the name nor the ARN of an EventBridge bus")
	}
	*b = bus(text)
	return nil
}

// list splits a comma list and drops spaces and empty entries.
func list(text []byte) []string {
	var out []string
	for entry := range strings.SplitSeq(string(text), ",") {
		if entry = strings.TrimSpace(entry); entry != "" {
			out = append(out, entry)
		}
	}
	return out
}
