//go:build linux

package standin

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"testing"
	"time"
)

// Only the side that a busy machine cannot break is tested here: a round trip may take longer than it should, and a process may
// get less.

func TestADistanceIsNoShorterThanItSays(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	for _, want := range []time.Duration{time.Millisecond, 20 * time.Millisecond} {
		t.Run(want.String(), func(t *testing.T) {
			url, stop, err := distant(server, want)
			if err != nil {
				t.Fatal(err)
			}
			defer stop()
			fastest := time.Hour
			for range 50 {
				began := time.Now()
				resp, err := server.Client().Get(url)
				if err != nil {
					t.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				fastest = min(fastest, time.Since(began))
			}
			if fastest < want {
				t.Errorf("the fastest round trip took %v, want at least %v", fastest, want)
			}
		})
	}
}

func TestAShareIsNoMoreThanTheMemoryGives(t *testing.T) {
	const lasts = 600 * time.Millisecond
	for _, kind := range []string{"cgroup", "signals"} {
		for _, memory := range []int{128, 512} {
			t.Run(fmt.Sprintf("%s, %d MB", kind, memory), func(t *testing.T) {
				share, err := NewShare(kind)
				if err != nil {
					t.Skip(err)
				}
				defer share.Close()
				busy := exec.Command("sh", "-c", "while :; do :; done")
				if err := busy.Start(); err != nil {
					t.Fatal(err)
				}
				defer func() { _ = busy.Process.Kill(); _ = busy.Wait() }()
				release, err := share.limit(busy.Process.Pid, memory)
				if err != nil {
					t.Fatal(err)
				}
				defer release()
				before, began := usedBy(t, busy), time.Now()
				<-time.After(lasts)
				used, took := usedBy(t, busy)-before, time.Since(began)
				want := float64(memory) / WholeProcessor
				if got := used.Seconds() / took.Seconds(); got == 0 || got > 1.5*want {
					t.Errorf("%d MB had %.3f of a processor, want at most %.3f", memory, got, want)
				}
			})
		}
	}
}

func usedBy(t *testing.T, command *exec.Cmd) time.Duration {
	t.Helper()
	used, err := processorTime(command.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	return used
}
