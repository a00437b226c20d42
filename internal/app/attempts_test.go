package app

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"

	"github.com/junction-refresh/junction-refresh/internal/handler"
	"github.com/junction-refresh/junction-refresh/internal/outbox"
	"github.com/junction-refresh/junction-refresh/internal/publish"
	"github.com/junction-refresh/junction-refresh/internal/queue"
	"github.com/junction-refresh/junction-refresh/internal/quota"
	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
	"github.com/junction-refresh/junction-refresh/internal/secret"
)

// pipes is a network in memory with one server. It runs on the fake clock of a synctest bubble.
type pipes struct {
	accepted chan net.Conn
	closed   chan struct{}
	once     sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.accepted:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

// dial connects to the server.
func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.accepted <- server:
		return client, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// serveAWS starts a server in place of every AWS service, and returns the function's AWS configuration with a
// network that leads to it. Call it in a synctest bubble.
func serveAWS(t *testing.T, answer http.HandlerFunc) func() (aws.Config, error) {
	t.Helper()
	network := &pipes{accepted: make(chan net.Conn), closed: make(chan struct{})}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then does the server notice that the client is gone
		time.Sleep(time.Millisecond)       // as on a real network, the client has long finished sending
		answer(w, r)
	}))
	_ = server.Listener.Close()
	server.Listener = network
	server.Start()
	cfg, err := awsConfig()()
	if err != nil {
		t.Fatal(err)
	}
	client := cfg.HTTPClient.(*awshttp.BuildableClient).WithTransportOptions(func(tr *http.Transport) {
		tr.DialContext = network.dial
	})
	cfg.HTTPClient, cfg.BaseEndpoint = client, &server.URL
	t.Cleanup(server.Close)
	return func() (aws.Config, error) { return cfg, nil }
}

// calls are the function's calls to AWS, and good answers to them.
var calls = map[string]struct {
	answer string
	call   func(ctx context.Context, load func() (aws.Config, error)) error
}{
	"GetSecretValue": {`{"SecretString":"sk_us_x"}`, func(ctx context.Context, load func() (aws.Config, error)) error {
		_, err := secret.New(secret.FromSecretsManager(load, "junction/key"), time.Minute).Key(ctx)
		return err
	}},
	"PutEvents": {`{"FailedEntryCount":0,"Entries":[{"EventId":"e"}]}`, func(ctx context.Context, load func() (aws.Config, error)) error {
		return publish.New(load, "results").Publish(ctx, []outbox.Event{{Result: result.FromInFlight("user")}})[0]
	}},
	"SendMessageBatch": {
		`{"Successful":[{"Id":"0","MessageId":"m","MD5OfMessageBody":"0cc175b9c0f1b6a831c399e269772661"}],"Failed":[]}`, // of "a"
		func(ctx context.Context, load func() (aws.Config, error)) error {
			return queue.New(load, "https://sqs.us-east-1.amazonaws.com/1/q").Send(ctx, []handler.Message{{Body: "a"}})
		},
	},
	"ChangeMessageVisibilityBatch": {`{"Successful":[{"Id":"0"}],"Failed":[]}`, func(ctx context.Context, load func() (aws.Config, error)) error {
		return queue.New(load, "https://sqs.us-east-1.amazonaws.com/1/q").Delay(ctx, []handler.Delay{{ReceiptHandle: "r"}})
	}},
	"DeleteMessageBatch": {`{"Successful":[{"Id":"0"}],"Failed":[]}`, func(ctx context.Context, load func() (aws.Config, error)) error {
		return queue.New(load, "https://sqs.us-east-1.amazonaws.com/1/q").DeleteMessages(ctx, []string{"r"})
	}},
}

func awsEnvironment(t *testing.T) {
	t.Helper()
	t.Setenv("AWS_REGION", "us-east-1")
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
}

func TestALostAnswerOfAWSIsTriedAgain(t *testing.T) {
	awsEnvironment(t)
	for how, lose := range map[string]func(w http.ResponseWriter){
		"no answer": func(http.ResponseWriter) {},
		"an answer that stops in its body": func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "10")
			_, _ = w.Write([]byte("{"))
			_ = http.NewResponseController(w).Flush()
		},
	} {
		for name, c := range calls {
			t.Run(how+" to "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var requests atomic.Int32
					load := serveAWS(t, func(w http.ResponseWriter, r *http.Request) {
						w.Header().Set("Content-Type", "application/x-amz-json-1.1")
						if requests.Add(1) == 1 {
							lose(w)
							<-r.Context().Done()
							return
						}
						time.Sleep(attemptTimeout - 10*time.Millisecond) // the second attempt has as much time as the first
						_, _ = w.Write([]byte(c.answer))
					})
					began := time.Now()
					if err := c.call(t.Context(), load); err != nil || requests.Load() != 2 {
						t.Errorf("error %v after %d requests, want none after 2", err, requests.Load())
					}
					if took := time.Since(began); took > 5*time.Second {
						t.Errorf("took %v, want at most 5s", took)
					}
				})
			})
		}
	}
}

func TestAnAWSServiceThatNeverAnswersIsGivenUpAfterFiveSeconds(t *testing.T) {
	awsEnvironment(t)
	for name, c := range calls {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				load := serveAWS(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
				began := time.Now()
				if err := c.call(t.Context(), load); err == nil {
					t.Error("no error")
				}
				if took := time.Since(began); took != 5*time.Second {
					t.Errorf("took %v, want 5s", took)
				}
			})
		})
	}
}

func TestATableThatHangsIsStillGivenUpAfter300Milliseconds(t *testing.T) {
	awsEnvironment(t)
	synctest.Test(t, func(t *testing.T) {
		load := serveAWS(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		client := quota.Client(load)
		gate := quota.NewDynamo(quota.Rules{Limit: 8, Window: time.Hour}, func() (quota.Table, error) { return client() }, "table")
		began := time.Now()
		if _, err := gate.Enter(t.Context(), refresh.Entry{UserID: "user", Until: time.Now().Add(time.Minute)}); err == nil {
			t.Error("no error")
		}
		if took := time.Since(began); took != 300*time.Millisecond {
			t.Errorf("took %v, want 300ms", took)
		}
		time.Sleep(time.Minute) // the write goes on in the background until it is given up
	})
}
