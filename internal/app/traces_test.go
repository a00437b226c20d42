package app_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/result"
)

func TestARefreshIsSentToTheXRayDaemon(t *testing.T) {
	daemon, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = daemon.Close() }()
	f := start(t, "AWS_XRAY_DAEMON_ADDRESS="+daemon.LocalAddr().String())
	ctx := context.WithValue(t.Context(), "x-amzn-trace-id", //nolint:revive,staticcheck // aws-lambda-go's key
		"Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1")
	if _, err := f.Invoke(ctx, []byte(completedUser)); err != nil {
		t.Fatal(err)
	}
	_ = daemon.SetReadDeadline(time.Now().Add(10 * time.Second))
	datagram := make([]byte, 64<<10)
	n, _, err := daemon.ReadFrom(datagram)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"trace_id":"1-5759e988-bd862e3fe1be46a994272793"`, `"parent_id":"53995c3f42cd8ad8"`, `"status":200`} {
		if got := string(datagram[:n]); !strings.Contains(got, want) {
			t.Errorf("the daemon is sent %s, without %s", got, want)
		}
	}
}

func TestWithoutAnXRayDaemonTheFunctionWorks(t *testing.T) {
	for _, address := range []string{"", "nonsense", "127.0.0.1:1"} {
		t.Run(address, func(t *testing.T) {
			wantStatus(t, start(t, "AWS_XRAY_DAEMON_ADDRESS="+address).result(t, completedUser), result.Completed)
		})
	}
}
