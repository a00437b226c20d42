// Command bench measures the built function against its limits: the size of the bootstrap, the time
// from process start to the first poll of the runtime API, compared with a bare function's in the
// same run, and the resident memory after a thousand warm invocations. `make bench` builds what it
// measures. It exits 1 where a limit is passed.
package main

import (
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// The limits.
const (
	maxSize  = 12e6 // bytes of the stripped bootstrap
	maxRatio = 2.0  // of the bare function's start
	maxRSS   = 25.0 // MiB after the warm invocations
)

const (
	starts      = 30 // of each binary
	invocations = 1000
	messages    = 1000 // of a batch
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: bench DIRECTORY, which has arm64/bootstrap, x86_64/bootstrap and bare; see make bench")
		os.Exit(2)
	}
	passed, err := measure(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	if !passed {
		os.Exit(1)
	}
}

// measure prints one line for each limit, and says whether all hold.
func measure(dir string) (passed bool, err error) {
	passed = true
	report := func(what, value string, ok bool) {
		verdict := "ok"
		if !ok {
			verdict, passed = "OVER THE LIMIT", false
		}
		fmt.Printf("%-52s %-34s %s\n", what, value, verdict)
	}
	for _, arch := range []string{"arm64", "x86_64"} {
		info, err := os.Stat(filepath.Join(dir, arch, "bootstrap"))
		if err != nil {
			return false, err
		}
		report("bootstrap for "+arch+" (at most 12 MB)", fmt.Sprintf("%.1f MB", float64(info.Size())/1e6), info.Size() <= maxSize)
	}

	if runtime.GOOS != "linux" {
		fmt.Println("start and memory are measured on Linux alone")
		return passed, nil
	}
	function := filepath.Join(dir, map[string]string{"amd64": "x86_64", "arm64": "arm64"}[runtime.GOARCH], "bootstrap")
	up, err := newUpstream(instant())
	if err != nil {
		return false, err
	}
	defer up.close()

	var bare, ours []time.Duration
	for range starts { // alternating, so that whatever else the machine does meets both
		for _, one := range []struct {
			binary string
			times  *[]time.Duration
		}{{filepath.Join(dir, "bare"), &bare}, {function, &ours}} {
			took, err := timeStart(one.binary, up.environ())
			if err != nil {
				return false, err
			}
			*one.times = append(*one.times, took)
		}
	}
	ratio := float64(median(ours)) / float64(median(bare))
	report(fmt.Sprintf("start to first poll, median of %d (at most 2 × bare)", starts),
		fmt.Sprintf("%.1f ms ÷ %.1f ms = %.2f", ms(median(ours)), ms(median(bare)), ratio), ratio <= maxRatio)

	rss, err := warmRSS(function, up.environ(), invocations)
	if err != nil {
		return false, err
	}
	report(fmt.Sprintf("resident after %d warm calls (at most 25 MiB)", invocations), fmt.Sprintf("%.1f MiB", rss), rss <= maxRSS)
	if err := measureBatches(function, report); err != nil {
		return false, err
	}
	return passed, measureTeam(function, report)
}

type reporter func(what, value string, ok bool)

// measureBatches measures one invocation with a batch of SQS messages, with a Junction that takes 1 s.
func measureBatches(function string, report reporter) error {
	up, err := newUpstream(http.HandlerFunc(slow))
	if err != nil {
		return err
	}
	defer up.close()
	took, peak, err := timeBatch(function, up.environ(), messages, messages)
	if err != nil {
		return err
	}
	report(fmt.Sprintf("%d messages at once, Junction takes 1 s (under 2 ×)", messages),
		fmt.Sprintf("%.2f s ÷ 1 s = %.2f", took[0].Seconds(), took[0].Seconds()/answerTime.Seconds()), took[0] < 2*answerTime)
	report("  resident at the most (under 64 MiB)", fmt.Sprintf("%.1f MiB", peak), peak < 64)
	// Of other users: those above are coalesced.
	took, _, err = timeBatch(function, up.environ(), messages/10, messages/2, 2*messages)
	if err != nil {
		return err
	}
	ratio := took[1].Seconds() / took[0].Seconds()
	report(fmt.Sprintf("%d messages ÷ %d, %d at once (4 ×, 5 %%)", 2*messages, messages/2, messages/10),
		fmt.Sprintf("%.2f s ÷ %.2f s = %.2f", took[1].Seconds(), took[0].Seconds(), ratio), math.Abs(ratio-4) < 0.2)
	published := up.bus.published()
	report("results on the bus, of all", fmt.Sprint(published), published == messages+messages/2+2*messages)
	return nil
}

// measureTeam measures what all users of a large team cost the function.
func measureTeam(function string, report reporter) error {
	up, err := newUpstream(newTeam())
	if err != nil {
		return err
	}
	defer up.close()
	depth, early, late, err := fanOut(function, up.environ(), up.queue)
	if err != nil {
		return err
	}
	users, most := 0, 0
	for body, n := range up.queue.all {
		if most = max(most, n); strings.HasPrefix(body, `{"user_id"`) {
			users++
		}
	}
	connected := team * 9 / 10
	report(fmt.Sprintf("all users of %d: messages of connected ones, once each", team), fmt.Sprintf("%d, at most %d ×", users, most), users == connected && most == 1)
	report("  invocations deep, with the refreshes (at most 3)", fmt.Sprint(depth), depth <= 3)
	report("  resident after all pages ÷ after a tenth (at most 1.2)", fmt.Sprintf("%.1f MiB ÷ %.1f MiB = %.2f", late, early, late/early), late/early <= 1.2)
	return nil
}

func median(times []time.Duration) time.Duration {
	return slices.Sorted(slices.Values(times))[len(times)/2]
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
