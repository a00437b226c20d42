package junction

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"slices"
	"syscall"
)

// The causes are listed in docs/errors.md. The first one that applies is logged in place of the transport's error,
// whose text may quote what the server sent, and with it a key that the server echoes.
var causes = []struct {
	cause   string
	applies func(error) bool
}{
	{"host name not found", func(err error) bool { dns, ok := errors.AsType[*net.DNSError](err); return ok && dns.IsNotFound }},
	{"DNS lookup failed", is[*net.DNSError]},
	{"TLS certificate is for another host", is[x509.HostnameError]},
	{"TLS certificate is signed by an unknown authority", is[x509.UnknownAuthorityError]},
	{"TLS certificate is not valid", func(err error) bool {
		return is[*tls.CertificateVerificationError](err) || is[x509.CertificateInvalidError](err)
	}},
	{"server does not speak TLS", is[tls.RecordHeaderError]},
	{"call refused", among(errResent)},
	{"canceled", func(err error) bool { return errors.Is(err, context.Canceled) }},
	{"timeout", func(err error) bool { e, ok := errors.AsType[net.Error](err); return ok && e.Timeout() }},
	{"connection refused", among(syscall.ECONNREFUSED)},
	{"connection reset", among(syscall.ECONNRESET, syscall.EPIPE)},
	{"network unreachable", among(syscall.ENETUNREACH, syscall.EHOSTUNREACH)},
	{"HTTP/2 stream error", is[streamError]},
	{"answer incomplete", among(io.ErrUnexpectedEOF)},
	{"connection closed", func(err error) bool { return among(io.EOF, net.ErrClosed)(err) || isClosedIdle(err) }},
}

// classify returns the cause of a transport's error. answered reports whether a part of an answer was received.
func classify(err error, answered bool) error {
	for _, c := range causes {
		if c.applies(err) {
			return errors.New(c.cause)
		}
	}
	if answered {
		return errors.New("malformed HTTP response")
	}
	return errors.New("connection failed")
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

func among(targets ...error) func(error) bool {
	return func(err error) bool {
		return slices.ContainsFunc(targets, func(target error) bool { return errors.Is(err, target) })
	}
}

// protocolError is HTTP/2's PROTOCOL_ERROR.
const protocolError = 1

// streamError has the fields of net/http's own type, which errors.As fills in.
type streamError struct {
	StreamID uint32
	Code     uint32
	Cause    error
}

func (streamError) Error() string { return "HTTP/2 stream error" }
