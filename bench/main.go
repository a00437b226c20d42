// Command bench measures the built function against its limits: the size of the bootstrap, the time
// from process start to the first poll of the runtime API, compared with a bare function's in the
// same run, and the resident memory after a thousand warm invocations. `make bench` builds what it
// measures. It exits 1 where a limit is passed.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
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
	up, err := newUpstream()
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
	return passed, nil
}

func median(times []time.Duration) time.Duration {
	return slices.Sorted(slices.Values(times))[len(times)/2]
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
