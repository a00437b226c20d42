//go:build linux

package main

import (
	"fmt"
	"time"

	"github.com/junction-refresh/junction-refresh/bench/standin"
)

// invocations is how often each warm instance is invoked.
const invocations = 300

// warm is how an instance answered that had started long before.
type warm struct {
	Run       int
	Contender string
	P50       time.Duration
	RSS       float64 // MiB
}

// measureWarm measures instances with a whole processor.
func (b *bench) measureWarm() error {
	services, err := standin.NewServices(junction(0, usualSources), b.away)
	if err != nil {
		return err
	}
	defer services.Close()
	for run := range b.some(3) {
		for _, contender := range contenders {
			w, err := b.warm(contender, services)
			if err != nil {
				return fmt.Errorf("%s: %w", contender, err)
			}
			w.Run = run + 1
			b.results.Warm = append(b.results.Warm, w)
		}
	}
	for _, contender := range contenders {
		p50, rss := b.results.warm(contender)
		fmt.Printf("warm     %-28s %6.1f ms, %5.1f MiB\n", contender, ms(p50), rss)
	}
	ourP50, ourRSS := b.results.warm(ours)
	bareP50, bareRSS := b.results.warm(bare)
	b.report.atMost("warm answer (p50) ÷ bare Go", "%.3f", float64(ourP50)/float64(bareP50), 1.2, 1.5)
	b.report.atMost("resident memory ÷ bare Go", "%.3f", ourRSS/bareRSS, 1.8, 2.5)
	return nil
}

func (b *bench) warm(contender string, services *standin.Services) (w warm, err error) {
	instance, err := standin.Start(b.function(contender, services), b.share, standin.WholeProcessor)
	if err != nil {
		return w, err
	}
	defer instance.Stop()
	var times []time.Duration
	for n := range invocations {
		took, err := instance.Invoke(direct(user(n)), user(n))
		if err != nil {
			return w, err
		}
		times = append(times, took)
	}
	w = warm{Contender: contender, P50: median(times)}
	w.RSS, err = instance.ResidentMiB("VmRSS")
	return w, err
}

// warm returns the medians of a contender's instances.
func (r *results) warm(contender string) (p50 time.Duration, rss float64) {
	var times []time.Duration
	var sizes []float64
	for _, w := range r.Warm {
		if w.Contender == contender {
			times, sizes = append(times, w.P50), append(sizes, w.RSS)
		}
	}
	return median(times), median(sizes)
}
