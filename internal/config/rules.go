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

// Environments are Junction's environments, in the order of its documentation.
var Environments = []string{"production", "production_eu", "sandbox", "sandbox_eu"}

// A rule reads the value of a variable. Its error is a sentence after the variable's name, and does not quote the
// value.
var (
	environment = rule(anyText, func(s string) bool { return slices.Contains(Environments, s) },
		"is not one of "+strings.Join(Environments, ", "))
	nonNegative = rule(time.ParseDuration, func(d time.Duration) bool { return d >= 0 },
		`is not a duration of 0 or more, such as "90s" or "5m"`)
	positive = rule(time.ParseDuration, func(d time.Duration) bool { return d > 0 },
		`is not a duration of more than 0, such as "90s" or "5m"`)
	atLeastOne = rule(strconv.Atoi, func(n int) bool { return n >= 1 }, "is not a whole number of 1 or more")
	quotaLimit = rule(strconv.Atoi, func(n int) bool { return n >= 0 && n <= 1000 }, // each call's time is stored
		"is not a whole number from 0 to 1000")
	bus = rule(anyText, isBus, "is neither the name nor the ARN of an EventBridge bus")
)

// rule returns a rule for what parse reads, and ok holds for. Otherwise the error is fault.
func rule[T any](parse func(string) (T, error), ok func(T) bool, fault string) func(string) (T, error) {
	return func(text string) (T, error) {
		value, err := parse(text)
		if err != nil || !ok(value) {
			return value, errors.New(fault)
		}
		return value, nil
	}
}

func anyText(text string) (string, error) { return text, nil }

func boolean(text string) (bool, error) {
	if text != "true" && text != "false" {
		return false, errors.New("is neither true nor false")
	}
	return text == "true", nil
}

func seconds(text string) (float64, error) {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, errors.New("is not a number of seconds")
	}
	return v, nil
}

func baseURL(text string) (string, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.ForceQuery:
		return "", errors.New("is not an absolute URL without user, query and fragment")
	case u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())):
		return "", errors.New("is not an https URL (http is allowed for a loopback address only)")
	}
	return strings.TrimRight(text, "/"), nil
}

func isLoopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

func callerAuth(text string) ([]string, error) {
	methods := splitList(text)
	for _, method := range methods {
		if !slices.Contains([]string{"signature", "token", "iam", "none"}, method) {
			return nil, errors.New("is not a comma-separated list of signature, token and iam, or only none")
		}
	}
	if slices.Contains(methods, "none") && len(methods) > 1 {
		return nil, errors.New("has none together with another method: none must be the only one")
	}
	if len(methods) == 0 {
		return nil, errors.New("has no method to authenticate callers; for an open endpoint set none")
	}
	return methods, nil
}

func paths(text string) (paths [][]string, err error) {
	for _, path := range splitList(text) {
		keys := strings.Split(path, ".")
		if slices.Contains(keys, "") {
			return nil, errors.New("is not a comma-separated list of paths such as data.user_id")
		}
		paths = append(paths, keys)
	}
	if len(paths) == 0 {
		return nil, errors.New("has no path")
	}
	return paths, nil
}

func eventTypes(text string) ([]string, error) {
	types := splitList(text)
	for _, t := range types {
		if strings.HasPrefix(t, "daily.data.") || strings.HasPrefix(t, "historical.data.") {
			return nil, errors.New("has daily.data or historical.data events: a refresh causes them, so refreshing on them would loop")
		}
		if strings.ContainsRune(t, '*') {
			return nil, errors.New("has a wildcard: list each event type")
		}
	}
	if len(types) == 0 {
		return nil, errors.New("has no event type")
	}
	return types, nil
}

func queueURL(text string) (string, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || strings.Trim(u.Path, "/") == "":
		return "", errors.New("is not the URL of an SQS queue, such as https://sqs.REGION.amazonaws.com/ACCOUNT/NAME")
	case strings.HasSuffix(u.Path, ".fifo"):
		return "", errors.New("is the URL of a FIFO queue; use a standard queue")
	}
	return text, nil
}

func isBus(text string) bool {
	const name, arn = `[A-Za-z0-9/._-]{1,256}`, `arn:[^:]*:events:[^:]*:[^:]*:event-bus/`
	return regexp.MustCompile(`^(` + arn + `)?` + name + `$`).MatchString(text)
}

// pauses reads at most 5 pauses, or off.
func pauses(text string) (pauses []time.Duration, err error) {
	const maxPauses, maxPause = 5, 15 * time.Minute // SQS delays a message by 15 minutes at most
	if text == "off" {
		return nil, nil
	}
	for _, entry := range splitList(text) {
		d, err := time.ParseDuration(entry)
		if err != nil || d < time.Second || d > maxPause || d%time.Second != 0 {
			return nil, errors.New(`is neither off nor a comma-separated list of whole seconds from 1s to 15m, such as "30s,1m"`)
		}
		pauses = append(pauses, d)
	}
	if len(pauses) == 0 || len(pauses) > maxPauses {
		return nil, errors.New("does not have 1 to 5 pauses; for none, use off")
	}
	return pauses, nil
}

// splitList splits a comma-separated list. It leaves out empty entries, and the spaces around entries.
func splitList(text string) []string {
	var out []string
	for entry := range strings.SplitSeq(text, ",") {
		if entry = strings.TrimSpace(entry); entry != "" {
			out = append(out, entry)
		}
	}
	return out
}
