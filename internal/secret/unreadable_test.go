package secret

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/result"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

// lines are the lines of a log, without their times.
type lines struct{ bytes.Buffer }

// log returns a logger that writes the lines.
func (l *lines) log() *slog.Logger {
	return slog.New(slog.NewJSONHandler(l, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
}

// all returns the lines that were logged.
func (l *lines) all(t *testing.T) (all []map[string]any) {
	t.Helper()
	for line := range bytes.Lines(l.Bytes()) {
		var fields map[string]any
		if err := json.Unmarshal(line, &fields); err != nil {
			t.Fatal(err)
		}
		all = append(all, fields)
	}
	return all
}

func TestAFailedReadIsLoggedWithWhatFollows(t *testing.T) {
	const serves = "the value read at 2000-01-01T00:00:00Z is used until 2000-01-01T01:00:00Z"
	const fails = "refreshes fail until it can be read"
	for name, c := range map[string]struct {
		first   string // what is read first; "": nothing
		then    *store
		message string
		cause   string
	}{
		"Secrets Manager fails": {
			"one", &store{err: errDown}, "the secret could not be read from Secrets Manager; " + serves, "down",
		},
		"the secret is broken": {
			"one", &store{value: `{"api_key":"oops`}, "the secret has no usable key; " + serves, "the secret begins with { but is not the documented JSON",
		},
		"Secrets Manager hangs": {
			"one", &store{delay: time.Hour}, "the secret could not be read from Secrets Manager; " + serves, "context deadline exceeded",
		},
		"Secrets Manager fails at the first read": {
			"", &store{err: errDown}, "the secret could not be read from Secrets Manager; " + fails, "down",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var logged lines
				manager := &store{value: c.first}
				s := New(func(ctx context.Context) (string, error) { return manager.read(ctx) }, time.Minute)
				s.Log = logged.log()
				if c.first != "" {
					wantKey(t, s, "one")
				}
				time.Sleep(time.Minute)
				manager = c.then
				_, _ = s.Key(t.Context())
				time.Sleep(readTimeout)
				synctest.Wait()
				want := []map[string]any{{"level": "ERROR", "msg": c.message, "error_code": "secret_unavailable", "cause": c.cause}}
				if diff := cmp.Diff(want, logged.all(t)); diff != "" {
					t.Errorf("log (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestAFailedRenewalIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logged lines
		manager := &store{value: "one"}
		s := New(manager.read, time.Minute)
		s.Log = logged.log()
		wantKey(t, s, "one")
		manager.set("", errDown)
		_, _ = s.Renew(t.Context(), sensitive.New("one"))
		if n := len(logged.all(t)); n != 1 {
			t.Errorf("%d lines, want 1: %s", n, logged.String())
		}
	})
}

func TestFailedReadsAreLoggedOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logged lines
		manager := &store{err: errDown}
		s := New(manager.read, time.Minute)
		s.Log = logged.log()
		for range 3 * 60 {
			_, _ = s.Key(t.Context())
			time.Sleep(time.Second)
		}
		if n := len(logged.all(t)); n != 3 {
			t.Errorf("%d lines in three minutes, want 3", n)
		}
	})
}

func TestAGoodReadIsNotLogged(t *testing.T) {
	var logged lines
	s := New(Static(sensitive.New("sk_us_x")), time.Minute)
	s.Log = logged.log()
	wantKey(t, s, "sk_us_x")
	if logged.Len() > 0 {
		t.Error(logged.String())
	}
}

func TestWhatAWSAnsweredIsLoggedAndNeverTheSecret(t *testing.T) {
	const denied = "User: arn:aws:sts::123456789012:assumed-role/x is not authorized to perform: secretsmanager:GetSecretValue"
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"no permission": {
			answer(400, `{"__type":"AccessDeniedException","Message":"`+denied+`"}`), "GetSecretValue: AccessDeniedException: " + denied,
		},
		"no such secret": {
			answer(400, `{"__type":"ResourceNotFoundException","Message":"x"}`), "GetSecretValue: ResourceNotFoundException: x",
		},
		"an answer that is not JSON": {
			answer(200, `sk_us_oops`), "GetSecretValue: the answer could not be decoded",
		},
		"an answer that breaks off": {
			answer(200, `{"SecretString":"sk_us_oops`), "GetSecretValue: the answer could not be decoded",
		},
		"an answer that is not HTTP": {
			hijacked("sk_us_oops\r\n\r\n"), "GetSecretValue: the connection failed",
		},
		"a connection that is closed": {
			hijacked(""), "GetSecretValue: the connection failed",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var logged lines
			server := httptest.NewServer(c.answer)
			t.Cleanup(server.Close)
			s := New(FromSecretsManager(func() (aws.Config, error) {
				return aws.Config{
					Region: "eu-west-1", BaseEndpoint: &server.URL, RetryMaxAttempts: 1,
					Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
				}, nil
			}, "junction/key"), time.Minute)
			s.Log = logged.log()
			_, err := s.Key(t.Context())
			f := result.AsFailure(err)
			if f.Cause == nil || f.Cause.Error() != c.want {
				t.Errorf("cause %v, want %s", f.Cause, c.want)
			}
			all := logged.all(t)
			if len(all) != 1 || all[0]["cause"] != c.want || strings.Contains(logged.String(), "oops") {
				t.Errorf("logged %v, want the cause %s", all, c.want)
			}
		})
	}
}

func TestASecretsManagerOutOfReachIsNamedInTheLog(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	read := FromSecretsManager(func() (aws.Config, error) {
		return aws.Config{
			Region: "eu-west-1", BaseEndpoint: &server.URL, RetryMaxAttempts: 1,
			Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
		}, nil
	}, "junction/key")
	if _, err := read(t.Context()); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("error %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := read(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// answer answers every request the same.
func answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

// hijacked writes raw bytes instead of an answer, and closes the connection.
func hijacked(raw string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // else the connection is reset
		conn, buffer, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		_, _ = buffer.WriteString(raw)
		_ = buffer.Flush()
		_ = conn.Close()
	}
}
