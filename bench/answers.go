//go:build linux

package main

import (
	"fmt"
	"time"

	"github.com/junction-refresh/junction-refresh/bench/standin"
)

// memories are the memory sizes, in MB, that are measured.
var memories = []int{128, 256, 512, 1024, standin.WholeProcessor}

// answer is how a new instance of a contender answered: the time from the start of the process to its first poll, and then
// the times of its first two answers. Both are for users that it has not seen.
type answer struct {
	Run                  int
	Memory               int
	Contender            string
	Signals              bool // the share of a processor was granted by the stand-in for control groups
	Start, First, Second time.Duration
}

func (b *bench) measureAnswers() error {
	services, err := standin.NewServices(junction(0, usualSources), b.away)
	if err != nil {
		return err
	}
	defer services.Close()
	signals, err := standin.NewShare("signals")
	if err != nil {
		return err
	}
	compared := b.share.Name() != signals.Name()
	for run := range b.runs { // all contenders in each run, so that other load on the machine affects all
		for _, memory := range memories {
			for _, contender := range contenders {
				a, err := b.answer(contender, services, b.share, memory)
				if err != nil {
					return err
				}
				a.Run = run + 1
				b.results.Answers = append(b.results.Answers, a)
			}
		}
		if !compared || run >= b.some(10) {
			continue
		}
		for _, contender := range contenders { // how near to a control group its stand-in is
			a, err := b.answer(contender, services, signals, memories[0])
			if err != nil {
				return err
			}
			a.Run, a.Signals = run+1, true
			b.results.Answers = append(b.results.Answers, a)
		}
	}
	for _, memory := range memories {
		for _, contender := range contenders {
			start, first, second := b.results.answers(contender, memory, false)
			fmt.Printf("%5d MB  %-28s start %4.0f ms, first answer %4.0f ms, second %4.0f ms\n", memory, contender, ms(start), ms(first), ms(second))
		}
	}
	for _, contender := range contenders {
		if ratio := b.results.signalsRatio(contender); ratio > 0 {
			fmt.Printf("signals ÷ control group, %d MB, %s: %.2f\n", memories[0], contender, ratio)
		}
	}
	lowest, whole := memories[0], standin.WholeProcessor
	b.report.atMost("start and first answer at 128 MB ÷ bare Go", "%.3f", b.results.ratio(ours, bare, lowest), 0.65, 0.9)
	b.report.atMost("start and first answer at 1,769 MB ÷ bare Go", "%.3f", b.results.ratio(ours, bare, whole), 1.15, 1.5)
	b.report.atLeast("TypeScript SDK ÷ ours, start and first answer at 128 MB", "%.2f", b.results.ratio(typescript, ours, lowest), 7, 4)
	b.report.atLeast("Python SDK ÷ ours, start and first answer at 128 MB", "%.2f", b.results.ratio(python, ours, lowest), 9, 5)
	oursStart, _, _ := b.results.answers(ours, whole, false)
	bareStart, _, _ := b.results.answers(bare, whole, false)
	// No guard: the start opens the connections that the first answer then does not have to open.
	b.report.atMost("start alone at 1,769 MB ÷ bare Go", "%.2f", float64(oursStart)/float64(bareStart), 1.7, 0)
	return nil
}

// answer starts an instance and refreshes two users.
func (b *bench) answer(contender string, services *standin.Services, share standin.Share, memory int) (a answer, err error) {
	instance, err := standin.Start(b.function(contender, services), share, memory)
	if err != nil {
		return a, err
	}
	defer instance.Stop()
	a = answer{Memory: memory, Contender: contender, Start: instance.Start}
	if a.First, err = instance.Invoke(direct(user(1)), user(1)); err != nil {
		return a, fmt.Errorf("%s: %w", contender, err)
	}
	a.Second, err = instance.Invoke(direct(user(2)), user(2))
	return a, err
}

// answers returns the medians of a contender's answers.
func (r *results) answers(contender string, memory int, signals bool) (start, first, second time.Duration) {
	var starts, firsts, seconds []time.Duration
	for _, a := range r.Answers {
		if a.Contender == contender && a.Memory == memory && a.Signals == signals {
			starts, firsts, seconds = append(starts, a.Start), append(firsts, a.First), append(seconds, a.Second)
		}
	}
	return median(starts), median(firsts), median(seconds)
}

// total returns the median of the time from the start to the first answer.
func (r *results) total(contender string, memory int) time.Duration {
	var totals []time.Duration
	for _, a := range r.Answers {
		if a.Contender == contender && a.Memory == memory && !a.Signals {
			totals = append(totals, a.Start+a.First)
		}
	}
	return median(totals)
}

// ratio returns how many times the first answer of one contender takes as long as that of another.
func (r *results) ratio(one, other string, memory int) float64 {
	return float64(r.total(one, memory)) / float64(r.total(other, memory))
}

// signalsRatio compares the first answer with the stand-in for control groups with that in one. It is 0 if only one of them
// was measured.
func (r *results) signalsRatio(contender string) float64 {
	_, group, _ := r.answers(contender, memories[0], false)
	_, signals, _ := r.answers(contender, memories[0], true)
	if group == 0 {
		return 0
	}
	return float64(signals) / float64(group)
}
