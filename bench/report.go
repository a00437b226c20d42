//go:build linux

package main

import (
	"fmt"
	"regexp"
)

// figure is a number with its bar.
type figure struct {
	Name, Value, Bar string
	Met              bool
}

// report are the figures so far. It prints each one.
type report struct {
	Figures []figure
	guarded bool // a guard is exceeded
}

// atMost adds a figure that should be at most bar. guard is how much of it fails the run: more than the bar, so that a busy
// machine does not; 0 with a bar above 0 is no guard.
func (r *report) atMost(name, format string, value, bar, guard float64) {
	r.add(name, fmt.Sprintf(format, value), "at most "+barText(format, bar), value <= bar, value > guard && (guard > 0 || bar == 0))
}

// atLeast adds a figure that should be at least bar. Less than guard fails the run.
func (r *report) atLeast(name, format string, value, bar, guard float64) {
	r.add(name, fmt.Sprintf(format, value), "at least "+barText(format, bar), value >= bar, value < guard)
}

// barText formats a bar like its figure, but without more digits than it has.
func barText(format string, bar float64) string {
	return fmt.Sprintf(digits.ReplaceAllString(format, "%v"), bar)
}

var digits = regexp.MustCompile(`%\.\df`)

func (r *report) add(name, value, bar string, met, exceeded bool) {
	f := figure{name, value, bar, met}
	r.Figures = append(r.Figures, f)
	verdict := f.Verdict()
	if exceeded {
		verdict, r.guarded = verdict+", GUARD EXCEEDED", true
	}
	fmt.Printf("%-66s %10s  %-18s %s\n", name, value, bar, verdict)
}

// Verdict reports in words whether the bar is met.
func (f figure) Verdict() string {
	if f.Met {
		return "met"
	}
	return "behind"
}

func (r *report) exceeded() bool { return r.guarded }
