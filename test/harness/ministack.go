package harness

import (
	"os"
	"sync"
	"testing"
)

// StartMinistack starts a ministack with a home of its own, so that it finds nobody's AWS files, and returns its URL.
func StartMinistack(program, home string, env ...string) (url string, stop func(), err error) {
	address, err := FreeAddress()
	if err != nil {
		return "", nil, err
	}
	url = "http://" + address
	p, err := Start(append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "TMPDIR=" + home, "LOG_LEVEL=WARNING", "AWS_ENDPOINT_URL=" + url,
		"BIND_HOST=127.0.0.1", "MINISTACK_HOST=127.0.0.1", "GATEWAY_PORT=" + Port(address),
	}, env...), program)
	if err != nil {
		return "", nil, err
	}
	return url, p.Stop, p.WaitForHTTP(url + "/_ministack/health")
}

var ministack struct {
	sync.Once
	url string
	err error
}

// MinistackURL returns the URL of the ministack that the package's tests share.
func MinistackURL(t *testing.T) string {
	t.Helper()
	program := Ministack(t)
	ministack.Do(func() {
		var stop func()
		if ministack.url, stop, ministack.err = StartMinistack(program, scratch, "SERVICES=sqs,events,secretsmanager"); stop != nil {
			services.stopAtEnd(stop)
		}
	})
	if ministack.err != nil {
		t.Fatal(ministack.err)
	}
	return ministack.url
}
