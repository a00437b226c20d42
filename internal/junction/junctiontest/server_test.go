package junctiontest_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

func TestServer(t *testing.T) {
	for _, addr := range []string{"", ":0", "localhost:0", "127.0.0.1:0"} {
		t.Run("with the address "+addr+" it listens on loopback until it is closed", func(t *testing.T) {
			server, err := junctiontest.New().Start(addr)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(server.URL(), "http://127.0.0.1:") {
				t.Errorf("URL %s", server.URL())
			}
			resp, err := http.Get(server.URL() + "/v2/user")
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != 401 {
				t.Errorf("status %d", resp.StatusCode)
			}
			for range 2 { // closing it twice does no harm
				if err := server.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			}
			if _, err := http.Get(server.URL()); err == nil {
				t.Error("it answers after Close")
			}
		})
	}
	t.Run("Close ends a call that has not been answered", func(t *testing.T) {
		sim := junctiontest.New()
		arrived := make(chan struct{})
		sim.Inject(1, func(next http.Handler) http.Handler {
			close(arrived)
			return junctiontest.NeverAnswer()(next)
		})
		server, err := sim.Start("")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			<-arrived
			server.Close()
		}()
		if resp, err := http.Get(server.URL()); err == nil {
			body, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			t.Errorf("got %s %s", resp.Status, body)
		}
	})
	for _, addr := range []string{"0.0.0.0:0", "192.0.2.1:0", "example.com:0", "[::]:0", "127.0.0.1", "127.0.0.1:99999"} {
		t.Run(addr+" is an error", func(t *testing.T) {
			if _, err := junctiontest.New().Start(addr); err == nil || !strings.HasPrefix(err.Error(), "start simulator: ") {
				t.Errorf("got %v", err)
			}
		})
	}
}
