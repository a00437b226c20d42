//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/junction-refresh/junction-refresh/bench/standin"
)

const (
	batchSize   = 100 // messages
	batchTakes  = time.Second
	laterCount  = 5 // batches of an instance after its first one
	coldBatches = 10
)

// batch is an invocation with batchSize messages of the queue, each for a user that was not seen before, if Junction takes
// batchTakes for each.
type batch struct {
	Instance, Memory int
	Number           int // in its instance, from 1
	Took             time.Duration
	WithoutQuota     int // messages that the table did not answer in time for
}

// cpu is the processor time of a later batch of an instance with a whole processor.
type cpu struct {
	Without    string // what the instance does not have: withouts
	Number     int
	PerRefresh time.Duration
}

// withouts are the instances whose processor time is measured, by what they do not have. What they need less than the
// first one is what it takes.
var withouts = []struct {
	name    string
	environ []string
}{
	{"", nil},
	{"results published", []string{"RESULT_BUS="}},
	{"quota", []string{"QUOTA_LIMIT=0", "COALESCE_WINDOW=0s"}},
	{"quota and results published", []string{"QUOTA_LIMIT=0", "COALESCE_WINDOW=0s", "RESULT_BUS="}},
}

func (b *bench) measureBatches() error {
	for instance := range b.some(coldBatches) {
		for _, memory := range memories[:4] {
			if memory > memories[0] && instance >= 3 { // the bars are for the smallest one
				continue
			}
			batches, err := b.batches(memory)
			if err != nil {
				return err
			}
			for _, one := range batches {
				one.Instance = instance + 1
				b.results.Batches = append(b.results.Batches, one)
			}
		}
	}
	for _, memory := range memories[:4] {
		first, later, without := b.results.batches(memory)
		fmt.Printf("%5d MB  batch of %d: first %.2f s, later ones %.2f s, %d refreshes without the quota\n", memory, batchSize, first.Seconds(), later.Seconds(), without)
	}
	first, later, without := b.results.batches(memories[0])
	b.report.atMost("first batch of 100 at 128 MB, Junction takes 1 s", "%.3f s", first.Seconds(), 1.6, 3.5)
	b.report.atMost("later batches of 100 at 128 MB", "%.3f s", later.Seconds(), 1.4, 2.5)
	b.report.atMost("refreshes of these batches without the quota", "%.0f", float64(without), 0, 0)
	return b.measureCPU()
}

// batches measures the batches of one instance.
func (b *bench) batches(memory int) (batches []batch, err error) {
	services, err := standin.NewServices(junction(batchTakes, usualSources), b.away)
	if err != nil {
		return nil, err
	}
	defer services.Close()
	instance, err := standin.Start(b.function(ours, services), b.share, memory)
	if err != nil {
		return nil, err
	}
	defer instance.Stop()
	before := 0
	for n := range 1 + laterCount {
		took, err := instance.Invoke(queueEvent(n*batchSize, batchSize), "batchItemFailures")
		if err != nil {
			return nil, err
		}
		without := withoutQuota(instance.Output())
		batches = append(batches, batch{Memory: memory, Number: n + 1, Took: took, WithoutQuota: without - before})
		before = without
		if done := services.Published() + without; done != (n+1)*batchSize {
			return nil, fmt.Errorf("%d results and messages sent back for want of the quota, of %d: %.1000s", done, (n+1)*batchSize, instance.Output())
		}
	}
	return batches, nil
}

// batches returns the medians of the first batches and of the later ones, and how many refreshes had no quota.
func (r *results) batches(memory int) (first, later time.Duration, withoutQuota int) {
	var firsts, laters []time.Duration
	for _, one := range r.Batches {
		if one.Memory != memory {
			continue
		}
		if withoutQuota += one.WithoutQuota; one.Number == 1 {
			firsts = append(firsts, one.Took)
		} else {
			laters = append(laters, one.Took)
		}
	}
	return median(firsts), median(laters), withoutQuota
}

// measureCPU measures the processor time of later batches. The services are at no distance: what makes a distance would
// share the processor, and its caches, with the function.
func (b *bench) measureCPU() error {
	for _, without := range withouts {
		if err := b.cpu(without.name, without.environ); err != nil {
			return err
		}
		fmt.Printf("processor  without %-27s  %.0f µs\n", without.name, ms(b.results.cpu(without.name))*1000)
	}
	b.report.atMost("processor time of a refresh in a later batch of 100", "%.0f µs", ms(b.results.cpu(""))*1000, 450, 1200)
	return nil
}

// cpu measures the later batches of one instance.
func (b *bench) cpu(without string, environ []string) error {
	services, err := standin.NewServices(junction(batchTakes, usualSources), standin.Distances{})
	if err != nil {
		return err
	}
	defer services.Close()
	function := b.function(ours, services)
	function.Environ = append(function.Environ, environ...)
	instance, err := standin.Start(function, b.share, standin.WholeProcessor)
	if err != nil {
		return err
	}
	defer instance.Stop()
	for n := range 1 + laterCount + b.runs {
		before, err := instance.ProcessorTime()
		if err != nil {
			return err
		}
		if _, err := instance.Invoke(queueEvent(n*batchSize, batchSize), `{"batchItemFailures":[]}`); err != nil {
			return err
		}
		after, err := instance.ProcessorTime()
		if err != nil {
			return err
		}
		b.results.CPU = append(b.results.CPU, cpu{without, n + 1, (after - before) / batchSize})
	}
	return nil
}

// cpu returns the median of the later batches of an instance.
func (r *results) cpu(without string) time.Duration {
	var times []time.Duration
	for _, one := range r.CPU {
		if one.Without == without && one.Number > 1 {
			times = append(times, one.PerRefresh)
		}
	}
	return median(times)
}

// queueEvent returns an SQS event with a message for each of the given users.
func queueEvent(first, size int) string {
	records := make([]map[string]any, size)
	for i := range records {
		records[i] = map[string]any{
			"messageId": fmt.Sprintf("m%d", first+i), "receiptHandle": fmt.Sprintf("r%d", first+i), "eventSource": "aws:sqs", "awsRegion": "us-east-1",
			"eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:bench", "attributes": map[string]string{"ApproximateReceiveCount": "1"},
			"body": fmt.Sprintf(`{"user_id":%q,"timeout":30}`, user(first+i)),
		}
	}
	event, _ := json.Marshal(map[string]any{"Records": records})
	return string(event)
}

var quotaUnavailable = regexp.MustCompile(`"QuotaUnavailable":(\d+)`)

// withoutQuota adds up the metric QuotaUnavailable of a function's output: docs/metrics.md.
func withoutQuota(output string) (sum int) {
	for _, found := range quotaUnavailable.FindAllStringSubmatch(output, -1) {
		n, _ := strconv.Atoi(found[1])
		sum += n
	}
	return sum
}

// median returns the middle of the values, and 0 if there is none.
func median[T time.Duration | float64](values []T) T {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
