package junction

import (
	"errors"
	"net"
	"net/http/httptrace"
	"sync/atomic"
	"time"
)

const (
	// maxEndWait is how long a call waits for the end of its connection to be noticed.
	maxEndWait = 100 * time.Millisecond
	// maxSends is how often a call is sent over HTTP/2. net/http sends it again if the server refuses it or says
	// that it has violated the protocol; without a pause and without a limit, if the server closes the connection too.
	maxSends = 3
)

var errResent = errors.New("the server refused the call again and again")

// callError is the error of a call without an answer.
type callError struct {
	error
	notSent  bool // the call has certainly not reached the server
	answered bool // the beginning of an answer was received
}

// progress is how far a call has come.
type progress struct {
	onConn func() // called if there is a connection
	stop   func() // ends the call

	reused    bool         // its connection was used before
	connected atomic.Bool  // it has a connection to be sent on
	sends     atomic.Int32 // how often it was sent over HTTP/2
	answered  atomic.Bool
}

// trace returns the hooks that keep p up to date. Those for connections are called by the goroutine of the call.
func (p *progress) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn: func(string) {
			// net/http gets another connection if the last one turned out to be lost before the call was sent. Over
			// HTTP/2 also if the server rejected the call, and not all rejections say that it was not processed.
			if p.sends.Load() == 0 {
				p.connected.Store(false)
			}
		},
		GotConn: func(info httptrace.GotConnInfo) {
			p.onConn()
			p.connected.Store(true)
			if p.reused = info.Reused; p.reused {
				awaitEnd(info.Conn)
			}
			if p.sends.Load() == maxSends {
				p.stop()
			}
		},
		WroteHeaderField: func(name string, _ []string) { // before the first byte is sent
			if name == ":method" {
				p.sends.Add(1)
			}
		},
		GotFirstResponseByte: func() { p.answered.Store(true) },
	}
}

// failure returns the error of a call that ended with an error of net/http's.
func (p *progress) failure(err error) *callError {
	e := &callError{error: err, notSent: !p.connected.Load() || isClosedIdle(err), answered: p.answered.Load()}
	if stream, ok := errors.AsType[streamError](err); ok && stream.Code == protocolError {
		e.answered = true // with invalid headers
	}
	return e
}

// isClosedIdle reports whether a call failed because the server had closed the connection before the call was sent
// on it. net/http checks this under the same lock as the beginning of a call, so it is certain, but it does not
// export the error.
func isClosedIdle(err error) bool { return err.Error() == "http: server closed idle connection" }

// awaitEnd waits until net/http notices that a connection has been lost, but no longer than maxEndWait. After a freeze
// a call may come before that. It would be sent on the lost connection and fail, and nobody could tell that the
// server had not received it. Once net/http has noticed, another connection is used.
func awaitEnd(conn net.Conn) {
	for waited := time.Duration(0); waited < maxEndWait && isLost(conn); waited += time.Millisecond {
		time.Sleep(time.Millisecond)
	}
}
