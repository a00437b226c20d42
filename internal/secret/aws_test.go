package secret

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/junction-refresh/junction-refresh/internal/result"
)

// secretsManager is a stand-in for Secrets Manager that answers every request the same, and records the last.
type secretsManager struct {
	status int
	answer string

	target, body, authorization string
}

func (s *secretsManager) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.target, s.body, s.authorization = r.Header.Get("X-Amz-Target"), string(body), r.Header.Get("Authorization")
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(s.status)
	_, _ = w.Write([]byte(s.answer))
}

// source starts the stand-in, and returns a source that reads the secret from it.
func (s *secretsManager) source(t *testing.T, secretID string) *Source {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return New(FromSecretsManager(func() (aws.Config, error) {
		return aws.Config{
			Region: "eu-west-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
		}, nil
	}, secretID), time.Minute)
}

func TestTheSecretIsReadFromSecretsManager(t *testing.T) {
	s := &secretsManager{status: 200, answer: `{"SecretString":"sk_us_x"}`}
	wantKey(t, s.source(t, "junction/key"), "sk_us_x")
	if s.target != "secretsmanager.GetSecretValue" || s.body != `{"SecretId":"junction/key"}` || !strings.Contains(s.authorization, "/eu-west-1/") {
		t.Errorf("called %s with %s and %s", s.target, s.body, s.authorization)
	}
}

func TestTheSecretCanBeBinary(t *testing.T) {
	s := &secretsManager{status: 200, answer: `{"SecretBinary":"c2tfdXNfeA=="}`}
	wantKey(t, s.source(t, "junction/key"), "sk_us_x")
}

func TestAnARNSetsTheRegion(t *testing.T) {
	s := &secretsManager{status: 200, answer: `{"SecretString":"sk_us_x"}`}
	wantKey(t, s.source(t, "arn:aws:secretsmanager:us-east-2:123456789012:secret:junction-AbCdEf"), "sk_us_x")
	if !strings.Contains(s.authorization, "/us-east-2/") {
		t.Errorf("signed with %s", s.authorization)
	}
}

func TestAnErrorOfSecretsManagerIsSecretUnavailable(t *testing.T) {
	for name, s := range map[string]*secretsManager{
		"no such secret":                {status: 400, answer: `{"__type":"ResourceNotFoundException","message":"x"}`},
		"no permission":                 {status: 400, answer: `{"__type":"AccessDeniedException","message":"x"}`},
		"neither a string nor a binary": {status: 200, answer: `{}`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.source(t, "junction/key").Key(t.Context())
			if f := result.AsFailure(err); f.Code != result.SecretUnavailable || f.Cause == nil {
				t.Errorf("%+v, want %s with a cause", f, result.SecretUnavailable)
			}
		})
	}
}

func TestAnAWSConfigurationThatCannotBeLoadedIsSecretUnavailable(t *testing.T) {
	errLoad := errors.New("no configuration")
	_, err := New(FromSecretsManager(func() (aws.Config, error) { return aws.Config{}, errLoad }, "x"), time.Minute).Key(t.Context())
	if f := result.AsFailure(err); f.Code != result.SecretUnavailable || !errors.Is(err, errLoad) {
		t.Errorf("%+v, want %s because of %v", f, result.SecretUnavailable, errLoad)
	}
}
