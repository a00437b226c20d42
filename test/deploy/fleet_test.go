package deploy

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
	"github.com/junction-refresh/junction-refresh/internal/awstest/sqstest"
	"github.com/junction-refresh/junction-refresh/internal/handler"
	"github.com/junction-refresh/junction-refresh/internal/outbox"
)

// instanceIdle is how long an idle instance is kept. Lambda does not say how long it keeps one.
const instanceIdle = 10 * time.Minute

// fleet invokes the function as Lambda does: each invocation has an instance of its own, a new one if none is idle.
type fleet struct {
	start func() *handler.Handler
	cloud *cloudWatch

	mu      sync.Mutex
	idle    []idleInstance // the one that was used last is last
	running int
	peak    int // since it was read
}

type idleInstance struct {
	*handler.Handler
	since time.Time
}

func (f *fleet) invoke(ctx context.Context, event []byte) ([]byte, error) {
	f.mu.Lock()
	var instance *handler.Handler
	if n := len(f.idle); n > 0 && time.Since(f.idle[n-1].since) < instanceIdle {
		instance, f.idle = f.idle[n-1].Handler, f.idle[:n-1]
	} else {
		instance, f.idle = f.start(), nil // those before have been idle for longer
	}
	f.running++
	f.peak = max(f.peak, f.running)
	f.mu.Unlock()

	began, failed := time.Now(), 0.0
	answer, err := awstest.Lambda{Handler: instance, Timeout: 90 * time.Second}.Invoke(ctx, event)
	if err != nil {
		failed = 1
	}
	for name, value := range map[string]float64{"Duration": float64(time.Since(began).Milliseconds()), "Invocations": 1, "Errors": failed, "Throttles": 0} {
		f.cloud.put(metricKey{"AWS/Lambda", name, "FunctionName", "RefreshFunction"}, value)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.running--
	f.idle = append(f.idle, idleInstance{instance, time.Now()})
	return answer, err
}

// sample puts the metrics that AWS takes once a minute.
func (f *fleet) sample(queue *sqstest.Queue) {
	f.mu.Lock()
	f.cloud.put(metricKey{"AWS/Lambda", "ConcurrentExecutions", "FunctionName", "RefreshFunction"}, float64(f.peak))
	f.peak = f.running
	f.mu.Unlock()
	state := queue.State()
	put := func(queue, name string, value float64) {
		f.cloud.put(metricKey{"AWS/SQS", name, "QueueName", queue}, value)
	}
	put("RefreshQueue", "ApproximateNumberOfMessagesVisible", float64(state.Visible))
	put("RefreshQueue", "ApproximateNumberOfMessagesNotVisible", float64(state.InFlight))
	put("RefreshQueue", "ApproximateNumberOfMessagesDelayed", float64(state.Delayed))
	put("RefreshQueue", "ApproximateAgeOfOldestMessage", state.Oldest.Seconds())
	put("RefreshDeadLetterQueue", "ApproximateNumberOfMessagesVisible", float64(len(queue.DeadLetters())))
	put("DeadLetterQueue", "ApproximateNumberOfMessagesVisible", 0)
}

// pipes is a listener whose connections are in memory, because a connection of the operating system stops the clock of
// synctest.
type pipes chan net.Conn

func (p pipes) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	p <- server
	return client, nil
}

// Accept implements net.Listener.
func (p pipes) Accept() (net.Conn, error) {
	if conn, open := <-p; open {
		return conn, nil
	}
	return nil, net.ErrClosed
}

// Close implements net.Listener.
func (p pipes) Close() error { close(p); return nil }

// Addr implements net.Listener.
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// bus accepts all that is published.
type bus struct{}

// Publish implements outbox.Bus.
func (bus) Publish(_ context.Context, events []outbox.Event) []error {
	return make([]error, len(events))
}
