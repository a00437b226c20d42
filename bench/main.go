//go:build linux

// Command bench measures the built function as Lambda runs it, and compares it with functions that do nothing but call
// Junction. `make bench` builds all of them and runs it. It prints one line per figure, and writes docs/performance.md
// with its plots and raw numbers. The exit status is 1 if a guard is exceeded.
//
// Package standin has Lambda and the services. Each figure has a file:
//
//   - answers.go: the first and second answer of a new instance, by memory size;
//   - warm.go: the later answers, and the memory that an instance needs;
//   - batches.go: batches from the queue, and the processor time of a refresh;
//   - many.go: 1,000 users in one invocation, and all users of a large team;
//   - price.go: write units, dollars, and the size of what is deployed.
//
// report.go has the bars and guards, and page.go writes the page from page.md.
package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/junction-refresh/junction-refresh/bench/standin"
)

// bench is one run of all benchmarks.
type bench struct {
	build string // folder of what was built: contenders.go
	tools string // folder of what was installed
	runs  int    // how often each figure is measured
	away  standin.Distances
	share standin.Share

	report  report
	results results
}

// results are the raw numbers.
type results struct {
	Answers []answer
	Warm    []warm
	Batches []batch
	CPU     []cpu
	Many    []many
	Zips    []zipped
}

func main() {
	var (
		b     bench
		kind  = flag.String("share", "auto", "how a share of a processor is granted: cgroup, signals, or auto")
		only  = flag.String("only", "", "measure only these figures, and write nothing: answers,warm,batches,many,team,price")
		out   = flag.String("out", "docs", "folder of performance.md and performance/")
		began = time.Now()
	)
	flag.StringVar(&b.build, "build", "bin/bench", "folder of what was built")
	flag.StringVar(&b.tools, "tools", ".tools", "folder of what was installed")
	flag.IntVar(&b.runs, "runs", 20, "how often the first answer is measured; the other figures follow")
	flag.DurationVar(&b.away.AWS, "to-aws", time.Millisecond, "round-trip time to AWS's services")
	flag.DurationVar(&b.away.Junction, "to-junction", 20*time.Millisecond, "round-trip time to Junction")
	flag.Parse()

	fail := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(2)
		}
	}
	var err error
	b.share, err = standin.NewShare(*kind)
	fail(err)
	err = b.measure(strings.FieldsFunc(*only, func(r rune) bool { return r == ',' }))
	b.share.Close()
	fail(err)
	if *only == "" {
		fail(b.writePage(*out))
	}
	fmt.Printf("%v in all; a share of a processor by: %s\n", time.Since(began).Round(time.Second), b.share.Name())
	if b.report.exceeded() {
		os.Exit(1)
	}
}

// measure measures all figures, or only those that are named.
func (b *bench) measure(only []string) error {
	for _, figure := range []struct {
		name    string
		measure func() error
	}{
		{"answers", b.measureAnswers}, {"warm", b.measureWarm}, {"batches", b.measureBatches},
		{"many", b.measureMany}, {"team", b.measureTeam}, {"price", b.measurePrice},
	} {
		if len(only) > 0 && !slices.Contains(only, figure.name) {
			continue
		}
		if err := figure.measure(); err != nil {
			return fmt.Errorf("%s: %w", figure.name, err)
		}
	}
	return nil
}

// some returns how often a figure is measured that takes longer than the first answer.
func (b *bench) some(most int) int { return min(most, max(1, b.runs/2)) }
