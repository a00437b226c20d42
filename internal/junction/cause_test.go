package junction

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/result"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

func TestACauseIsOneOfAFewTexts(t *testing.T) {
	for _, c := range []struct {
		err      error
		answered bool
		want     string
	}{
		{&net.DNSError{IsNotFound: true, Name: "x"}, false, "host name not found"},
		{&net.OpError{Op: "dial", Err: &net.DNSError{IsTimeout: true}}, false, "DNS lookup failed"},
		{&tls.CertificateVerificationError{Err: x509.HostnameError{}}, false, "TLS certificate is for another host"},
		{&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, false, "TLS certificate is signed by an unknown authority"},
		{&tls.CertificateVerificationError{Err: x509.CertificateInvalidError{}}, false, "TLS certificate is not valid"},
		{tls.RecordHeaderError{}, false, "server does not speak TLS"},
		{context.Canceled, false, "canceled"},
		{context.DeadlineExceeded, true, "timeout"},
		{&net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}, false, "timeout"},
		{&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, false, "connection refused"},
		{&net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ECONNRESET)}, true, "connection reset"},
		{os.NewSyscallError("connect", syscall.ENETUNREACH), false, "network unreachable"},
		{io.EOF, false, "connection closed"},
		{errors.New("http: server closed idle connection"), false, "connection closed"},
		{fmt.Errorf("x: %w", io.ErrUnexpectedEOF), true, "answer incomplete"},
		{errors.New("malformed"), true, "malformed HTTP response"},
		{errors.New("no answer"), false, "connection failed"},
	} {
		t.Run(c.want, func(t *testing.T) {
			if got := classify(c.err, c.answered); got.Error() != c.want {
				t.Errorf("%v is classified as %q, want %q", c.err, got, c.want)
			}
		})
	}
}

func TestAResetHTTP2StreamHasItsCause(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	c := New(Options{BaseURL: server.URL})
	c.transport.http.TLSClientConfig = server.Client().Transport.(*http.Transport).TLSClientConfig
	_, err := c.Refresh(t.Context(), sensitive.New("sk_us_x"), "u", 5)
	f := result.AsFailure(err)
	if f.Code != result.UpstreamUnavailable || f.NotSent || f.Cause == nil || f.Cause.Error() != (streamError{}).Error() {
		t.Errorf("%+v", f)
	}
}

func TestAServerWithoutAKnownCertificateWasNotReached(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	server.Config.ErrorLog = nil
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, err := New(Options{BaseURL: server.URL}).Refresh(ctx, sensitive.New("sk_us_x"), "u", 5)
	f := result.AsFailure(err)
	if f.Code != result.UpstreamUnavailable || !f.NotSent || f.Cause.Error() != "TLS certificate is signed by an unknown authority" {
		t.Errorf("%+v", f)
	}
}
