package auth_test

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/auth"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

func TestAnyOneOfTheMethodsInUseIsEnough(t *testing.T) {
	for methods, admitted := range map[string][]string{
		"signature": {"signed"}, "token": {"token"}, "iam": {"IAM"},
		"signature,token": {"signed", "token"}, "token,iam": {"token", "IAM"}, "signature,iam": {"signed", "IAM"},
		"signature,token,iam": {"signed", "token", "IAM"}, "none": {"signed", "token", "IAM", "nothing"},
	} {
		for _, shown := range []string{"signed", "token", "IAM", "nothing"} {
			t.Run(methods+" "+shown, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					call := map[string]auth.Call{
						"signed":  webhook(sign(t, "Svix-", first, time.Now(), body)),
						"token":   webhook(http.Header{"X-Vital-Api-Key": {token}}),
						"IAM":     {IAM: true, Header: http.Header{}},
						"nothing": webhook(http.Header{}),
					}[shown]
					g := auth.New(strings.Split(methods, ","), twoOfEach(t))
					if slices.Contains(admitted, shown) {
						wantAdmitted(t, g, call)
					} else {
						wantRefused(t, g, call)
					}
				})
			})
		}
	}
}

// short is a webhook secret of 15 bytes.
var short = "whsec_" + base64.StdEncoding.EncodeToString([]byte("fifteen bytes.."))

func TestWithoutAUsableSecretNobodyIsAdmitted(t *testing.T) {
	for name, c := range map[string]struct{ webhookSecrets, tokens string }{
		"no secrets":             {``, ``},
		"empty secrets":          {`"","whsec_"`, `""`},
		"short secrets":          {strconv.Quote(short), `"fifteen-bytes.."`},
		"secrets without base64": {`"whsec_%%%"`, `" "`},
	} {
		t.Run(name, func(t *testing.T) {
			g := auth.New([]string{"signature", "token"}, bundle(t, c.webhookSecrets, c.tokens))
			for _, h := range []http.Header{
				{"X-Vital-Api-Key": {""}}, {"Authorization": {"Bearer "}},
				{"X-Vital-Api-Key": {"fifteen-bytes.."}}, {"X-Vital-Api-Key": {"fifteen-bytes..."}},
				sign(t, "Svix-", first, time.Now(), body),
			} {
				wantRefused(t, g, webhook(h))
			}
		})
	}
}

func TestEntriesThatCanNeverMatchAreCounted(t *testing.T) {
	b := bundle(t, `"","whsec_",`+strconv.Quote(short)+`,`+strconv.Quote(first), `"","short",`+strconv.Quote(token)).bundle
	if weak := auth.Weak(b); weak != 5 {
		t.Errorf("%d entries can never match, want 5", weak)
	}
}

func TestIfTheSecretCannotBeReadACallerWhoShowsSomethingIsToldSo(t *testing.T) {
	down := &secrets{err: result.Fail(result.SecretUnavailable, "x")}
	g := auth.New([]string{"signature", "token", "iam"}, down)
	_, err := g.Admit(t.Context(), webhook(http.Header{"X-Vital-Api-Key": {token}}))
	if code := result.AsFailure(err).Code; code != result.SecretUnavailable {
		t.Errorf("a caller with a token is answered with %s, want %s", code, result.SecretUnavailable)
	}
	wantRefused(t, g, webhook(http.Header{}))
	wantAdmitted(t, g, auth.Call{IAM: true})
	if down.reads != 1 {
		t.Errorf("the secret is read %d times, want once: only the token needs it", down.reads)
	}
}
