// Command webhook measures how much it costs to authenticate a caller. The exit status is 1 if a limit is exceeded:
//
//   - the time and allocations that the signature of a 2 KiB webhook adds to a request;
//   - the ratio between the times for two wrong tokens, one of which differs from the right one only in its last
//     byte. It must be about 1: otherwise the time would tell how much of a token is right.
//
// Times depend on the machine; only the ratio can be compared with that of another machine.
package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/auth"
	"github.com/junction-refresh/junction-refresh/internal/secret"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

const (
	maxTime        = 50 * time.Microsecond
	maxAllocations = 20 // for each webhook secret that is tried
	// maxRatio limits the ratio, and its inverse. On an idle machine the median is within 0.01 of 1.
	maxRatio = 1.05

	bodySize = 2 << 10
	rounds   = 201
	perRound = 2000
)

func main() {
	ok := measureSignature("with one secret", 1)
	ok = measureSignature("with two, during a rotation", 2) && ok
	ok = measureTokens(32) && ok
	ok = measureTokens(2048) && ok
	if !ok {
		fmt.Println("limit exceeded")
		os.Exit(1)
	}
}

// webhookSecret returns the nth webhook secret, of 32 bytes.
func webhookSecret(n int) string {
	return "whsec_" + base64.StdEncoding.EncodeToString([]byte(fmt.Sprintf("webhook secret %03d of a benchmark", n))[:32])
}

// newGuard returns a guard as in app.New, for a secret's value.
func newGuard(value string) *auth.Guard {
	source := secret.New(secret.Static(sensitive.New(value)), time.Hour)
	return auth.New([]string{"signature", "token"}, source)
}

// measureSignature measures a webhook that was signed with the last of several secrets.
func measureSignature(name string, secrets int) bool {
	var quoted []string
	for n := range secrets {
		quoted = append(quoted, `"`+webhookSecret(n)+`"`)
	}
	guard := newGuard(`{"api_key":"sk_us_of_a_benchmark","tokens":["a-token-of-a-benchmark"],"webhook_secrets":[` + strings.Join(quoted, ",") + `]}`)
	body := []byte(`{"note":"` + strings.Repeat("x", bodySize-len(`{"note":""}`)) + `"}`)
	header, err := auth.Sign(sensitive.New(webhookSecret(secrets-1)), "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Now(), body)
	if err != nil {
		panic(err)
	}
	call := auth.Call{Header: header, Webhook: true, Body: func() ([]byte, error) { return body, nil }}
	measured := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := guard.Admit(context.Background(), call); err != nil {
				b.Fatal(err)
			}
		}
	})
	perCall := time.Duration(measured.NsPerOp())
	fmt.Printf("a signed webhook of %d bytes, %s: %v (at most %v), %d allocations (at most %d), %d bytes\n",
		len(body), name, perCall, maxTime, measured.AllocsPerOp(), maxAllocations*secrets, measured.AllocedBytesPerOp())
	return perCall <= maxTime && measured.AllocsPerOp() <= int64(maxAllocations*secrets)
}

// measureTokens compares two wrong tokens of the given length. They alternate, so that other load on the machine
// affects both. The limit is for the median of all rounds.
func measureTokens(length int) bool {
	right := strings.Repeat("r", length)
	guard := newGuard(`{"api_key":"sk_us_of_a_benchmark","tokens":["` + right + `"],"webhook_secrets":[]}`)
	near := http.Header{"X-Vital-Api-Key": {right[:length-1] + "w"}}
	far := http.Header{"X-Vital-Api-Key": {strings.Repeat("w", length)}}
	refuse := func(header http.Header) time.Duration {
		call := auth.Call{Header: header}
		began := time.Now()
		for range perRound {
			if _, err := guard.Admit(context.Background(), call); err == nil {
				panic("a wrong token was accepted")
			}
		}
		return time.Since(began)
	}
	var ratios []float64
	for round := range rounds {
		var a, b time.Duration
		if round%2 == 0 {
			a, b = refuse(near), refuse(far)
		} else {
			b, a = refuse(far), refuse(near)
		}
		ratios = append(ratios, float64(a)/float64(b))
	}
	slices.Sort(ratios)
	median := ratios[len(ratios)/2]
	fmt.Printf("wrong tokens of %d bytes, of which one differs only in its last byte: ratio %.3f (%.2f to %.2f), quartiles %.3f and %.3f\n",
		length, median, 1/maxRatio, maxRatio, ratios[len(ratios)/4], ratios[len(ratios)*3/4])
	return median <= maxRatio && median >= 1/maxRatio
}
