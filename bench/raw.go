//go:build linux

package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// writeRaw writes the raw numbers as CSV files into a folder.
func (b *bench) writeRaw(dir string) error {
	r := b.results
	answers := [][]string{{"run", "memory_mb", "contender", "share", "start_ms", "first_answer_ms", "second_answer_ms"}}
	for _, a := range r.Answers {
		share := b.share.Name()
		if a.Signals { // of a run that has control groups too
			share = "signals"
		}
		answers = append(answers, []string{strconv.Itoa(a.Run), strconv.Itoa(a.Memory), a.Contender, share, millis(a.Start), millis(a.First), millis(a.Second)})
	}
	warm := [][]string{{"run", "contender", "p50_ms", "resident_mib"}}
	for _, w := range r.Warm {
		warm = append(warm, []string{strconv.Itoa(w.Run), w.Contender, millis(w.P50), fmt.Sprintf("%.1f", w.RSS)})
	}
	batches := [][]string{{"instance", "memory_mb", "batch", "took_ms", "without_quota"}}
	for _, one := range r.Batches {
		batches = append(batches, []string{strconv.Itoa(one.Instance), strconv.Itoa(one.Memory), strconv.Itoa(one.Number), millis(one.Took), strconv.Itoa(one.WithoutQuota)})
	}
	processor := [][]string{{"without", "batch", "us_per_refresh"}}
	for _, one := range r.CPU {
		processor = append(processor, []string{one.Without, strconv.Itoa(one.Number), strconv.FormatInt(one.PerRefresh.Microseconds(), 10)})
	}
	many := [][]string{{"run", "took_ms", "peak_mib"}}
	for _, m := range r.Many {
		many = append(many, []string{strconv.Itoa(m.Run), millis(m.Took), fmt.Sprintf("%.1f", m.Peak)})
	}
	packages := [][]string{{"contender", "zip_mb"}}
	for _, z := range r.Zips {
		packages = append(packages, []string{z.Contender, fmt.Sprintf("%.2f", z.MB)})
	}
	bars := [][]string{{"figure", "measured", "bar", "verdict"}}
	for _, f := range b.report.Figures {
		bars = append(bars, []string{f.Name, f.Value, f.Bar, f.Verdict()})
	}
	var err error
	for name, rows := range map[string][][]string{
		"answers": answers, "warm": warm, "batches": batches, "processor": processor, "many": many, "packages": packages, "bars": bars,
	} {
		err = errors.Join(err, writeCSV(filepath.Join(dir, name+".csv"), rows))
	}
	return err
}

func writeCSV(name string, rows [][]string) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(csv.NewWriter(file).WriteAll(rows), file.Close())
}

func millis(d time.Duration) string { return fmt.Sprintf("%.1f", ms(d)) }
