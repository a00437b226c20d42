package auth_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/junction-refresh/junction-refresh/internal/auth"
)

func TestATokenInEitherHeaderIsAdmittedOnEveryRoute(t *testing.T) {
	for name, h := range map[string]http.Header{
		"a bearer token":                      {"Authorization": {"Bearer " + token}},
		"a bearer token in any case":          {"Authorization": {"bearer  " + token + " "}},
		"an SDK's key":                        {"X-Vital-Api-Key": {token}},
		"the other token, during a rotation":  {"X-Vital-Api-Key": {"another-token-for-tests"}},
		"a good one beside a bad one":         {"Authorization": {"Bearer not-the-right-token", "Bearer " + token}},
		"a good key beside a bad bearer":      {"Authorization": {"Bearer not-the-right-token"}, "X-Vital-Api-Key": {token}},
		"a good bearer beside another scheme": {"Authorization": {"Basic abc", "Bearer " + token}},
	} {
		t.Run(name, func(t *testing.T) {
			wantAdmitted(t, auth.New([]string{"token"}, twoOfEach(t)), auth.Call{Header: h})
		})
	}
}

func TestNothingButATokenIsAdmittedAsOne(t *testing.T) {
	for name, h := range map[string]http.Header{
		"none":             {},
		"empty":            {"Authorization": {"Bearer "}, "X-Vital-Api-Key": {""}},
		"another scheme":   {"Authorization": {"Basic " + token}},
		"no scheme":        {"Authorization": {token}},
		"a wrong one":      {"X-Vital-Api-Key": {token[:len(token)-1] + "2"}},
		"a prefix":         {"X-Vital-Api-Key": {token[:len(token)-1]}},
		"a longer one":     {"X-Vital-Api-Key": {token + "1"}},
		"in another case":  {"X-Vital-Api-Key": {strings.ToUpper(token)}},
		"two, joined":      {"X-Vital-Api-Key": {token + "," + token}},
		"a huge one":       {"X-Vital-Api-Key": {strings.Repeat(token, 1000)}},
		"the team key":     {"X-Vital-Api-Key": {"sk_us_a_team_key_for_tests"}},
		"a webhook secret": {"X-Vital-Api-Key": {first}},
	} {
		t.Run(name, func(t *testing.T) {
			wantRefused(t, auth.New([]string{"token"}, twoOfEach(t)), auth.Call{Header: h})
		})
	}
}
