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

func TestADistanceIsAsFarAsItSays(t *testing.T) {
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
			for range 50 { // because a busy machine delays most of them
				began := time.Now()
				resp, err := server.Client().Get(url)
				if err != nil {
					t.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				fastest = min(fastest, time.Since(began))
			}
			if fastest < want || fastest > want+600*time.Microsecond {
				t.Errorf("the fastest round trip took %v, want %v", fastest, want)
			}
		})
	}
}

func TestAShareIsWhatTheMemoryGives(t *testing.T) {
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
				if got := used.Seconds() / took.Seconds(); got < 0.7*want || got > 1.3*want {
					t.Errorf("%d MB had %.3f of a processor, want %.3f", memory, got, want)
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
