// Command bench checks the built function against its limits: the size of the bootstrap, the time from its start to
// its first answer relative to a bare function, the resident memory after a thousand invocations, and the time and
// memory of large batches. `make bench` builds the function and runs it. The exit status is 1 if a
// limit is exceeded.
package main

import (
	"fmt"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

// The limits.
const (
	maxSize = 12e6 // bytes of the stripped bootstrap
	maxRSS  = 25.0 // MiB after the warm invocations
)

const (
	starts      = 30 // of each binary
	invocations = 1000
	messages    = 1000 // of a batch
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: bench DIRECTORY (with arm64/bootstrap, x86_64/bootstrap and bare; see make bench)")
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

// measure prints one line per limit, and reports whether all limits are kept.
func measure(dir string) (passed bool, err error) {
	passed = true
	report := func(name, value string, ok bool) {
		verdict := "ok"
		if !ok {
			verdict, passed = "LIMIT EXCEEDED", false
		}
		fmt.Printf("%-58s %-40s %s\n", name, value, verdict)
	}
	for _, arch := range []string{"arm64", "x86_64"} {
		info, err := os.Stat(filepath.Join(dir, arch, "bootstrap"))
		if err != nil {
			return false, err
		}
		report("bootstrap for "+arch+" (at most 12 MB)", fmt.Sprintf("%.1f MB", float64(info.Size())/1e6), info.Size() <= maxSize)
	}

	if runtime.GOOS != "linux" {
		fmt.Println("start and memory are only measured on Linux")
		return passed, nil
	}
	function := filepath.Join(dir, map[string]string{"amd64": "x86_64", "arm64": "arm64"}[runtime.GOARCH], "bootstrap")
	up, err := newUpstream(instant())
	if err != nil {
		return false, err
	}
	defer up.close()

	for _, c := range []struct {
		memory   int
		maxRatio float64 // of the function's first answer to the bare one's
	}{{128, 0.8}, {wholeProcessor, 1.15}} {
		if err := measureFirstAnswer(function, filepath.Join(dir, "bare"), up, c.memory, c.maxRatio, report); err != nil {
			return false, err
		}
	}
	rss, err := warmRSS(function, up.environ(), invocations)
	if err != nil {
		return false, err
	}
	report(fmt.Sprintf("resident after %d warm invocations (at most 25 MiB)", invocations), fmt.Sprintf("%.1f MiB", rss), rss <= maxRSS)
	if err := measureBatches(function, report); err != nil {
		return false, err
	}
	return passed, measureTeam(function, report)
}

// reporter prints a line about one limit.
type reporter func(name, value string, ok bool)

// measureFirstAnswer measures the time from the start of a process to its first answer, with Lambda's share of a
// processor: all of it until the first poll, and then what the memory gives. The function has all its features on.
func measureFirstAnswer(function, bare string, up *upstream, memory int, maxRatio float64, report reporter) error {
	share, err := newShare(memory)
	if err != nil {
		fmt.Printf("the first answer with %d MB is not measured: no control group can be made here: %v\n", memory, err)
		return nil
	}
	defer share.remove()
	type peer struct {
		binary  string
		environ []string
		starts  []time.Duration
		answers []time.Duration
		totals  []time.Duration
	}
	environ, stop, err := up.distant()
	if err != nil {
		return err
	}
	defer stop()
	ours, theirs := &peer{binary: function, environ: environ}, &peer{binary: bare, environ: append(slices.Clone(environ), "JUNCTION_API_KEY=sk_us_bench")}
	for range starts { // alternating, so that other load on the machine affects both
		for _, p := range []*peer{theirs, ours} {
			var answered time.Duration
			started, err := run(p.binary, p.environ, func(api *runtimeAPI, command *exec.Cmd) (err error) {
				if err := share.limit(command.Process.Pid); err != nil {
					return err
				}
				answered, err = api.invoke(`{"user_id":"`+junctiontest.CompletedUserID+`"}`, "refreshed_sources")
				return err
			})
			if err != nil {
				return err
			}
			p.starts, p.answers, p.totals = append(p.starts, started), append(p.answers, answered), append(p.totals, started+answered)
		}
	}
	ratio := float64(median(ours.totals)) / float64(median(theirs.totals))
	report(fmt.Sprintf("start + first answer, %d MB (at most %.2f × bare)", memory, maxRatio),
		fmt.Sprintf("%.0f + %.0f ms ÷ %.0f + %.0f ms = %.2f", ms(median(ours.starts)), ms(median(ours.answers)), ms(median(theirs.starts)),
			ms(median(theirs.answers)), ratio), ratio <= maxRatio)
	return nil
}

// measureBatches measures invocations with a batch of SQS messages, if Junction takes answerTime for a refresh.
func measureBatches(function string, report reporter) error {
	up, err := newUpstream(http.HandlerFunc(slow))
	if err != nil {
		return err
	}
	defer up.close()
	took, peak, err := timeBatches(function, up.environ(), messages, messages)
	if err != nil {
		return err
	}
	report(fmt.Sprintf("%d concurrent messages, Junction takes 1 s (under 2 ×)", messages),
		fmt.Sprintf("%.2f s ÷ 1 s = %.2f", took[0].Seconds(), took[0].Seconds()/answerTime.Seconds()), took[0] < 2*answerTime)
	report("  highest resident memory (under 64 MiB)", fmt.Sprintf("%.1f MiB", peak), peak < 64)
	// In a new process, whose quota in memory is empty.
	took, _, err = timeBatches(function, up.environ(), messages/10, messages/2, 2*messages)
	if err != nil {
		return err
	}
	ratio := took[1].Seconds() / took[0].Seconds()
	report(fmt.Sprintf("%d messages ÷ %d, %d concurrent (4 × ± 5 %%)", 2*messages, messages/2, messages/10),
		fmt.Sprintf("%.2f s ÷ %.2f s = %.2f", took[1].Seconds(), took[0].Seconds(), ratio), math.Abs(ratio-4) < 0.2)
	published := up.bus.published()
	report("results on the bus", fmt.Sprint(published), published == messages+messages/2+2*messages)
	return nil
}

// measureTeam measures {"all_users": true} for a large team.
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
	users, maxSent := 0, 0
	for body, n := range up.queue.sent {
		if maxSent = max(maxSent, n); strings.HasPrefix(body, `{"user_id"`) {
			users++
		}
	}
	connected := teamSize * 9 / 10
	report(fmt.Sprintf("all of %d users: one message per connected user", teamSize), fmt.Sprintf("%d, each sent at most %d ×", users, maxSent), users == connected && maxSent == 1)
	report("  invocations that follow from each other (at most 3)", fmt.Sprint(depth), depth <= 3)
	report("  resident after all pages ÷ after a tenth (at most 1.2)", fmt.Sprintf("%.1f MiB ÷ %.1f MiB = %.2f", late, early, late/early), late/early <= 1.2)
	return nil
}

func median(times []time.Duration) time.Duration {
	return slices.Sorted(slices.Values(times))[len(times)/2]
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
