// Command webhook measures what it costs to check a caller, and ends with status 1 where that is over
// the limits:
//
//   - the time and the allocations that a signature of a 2 KiB webhook adds to a request;
//   - whether the time that a wrong token takes tells how much of it is right: the ratio between one
//     that shares all but its last byte with the right one, and one that shares nothing.
//
// Times are of this machine, so only the ratio compares with another one's.
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

	"github.com/junction-refresh/junction-refresh/internal/secret"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
	"github.com/junction-refresh/junction-refresh/internal/auth"
)

const (
	maxTime        = 50 * time.Microsecond
	maxAllocations = 20
	// maxRatio is how far the ratio may be from 1 either way; the median of a quiet run is within 0.01.
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
		fmt.Println("over the limits")
		os.Exit(1)
	}
}

// whsec is the nth of some webhook secrets of 32 bytes.
func whsec(n int) string {
	return "whsec_" + base64.StdEncoding.EncodeToString([]byte(fmt.Sprintf("webhook secret %03d of a benchmark", n))[:32])
}

// guard is a guard as app.New makes it, for a secret's value.
func guard(value string) *auth.Guard {
	source := secret.New(secret.Static(sensitive.New(value)), time.Hour)
	return auth.New([]string{"signature", "token"}, source)
}

// measureSignature measures a webhook that the last of several secrets has signed.
func measureSignature(says string, secrets int) bool {
	var quoted []string
	for n := range secrets {
		quoted = append(quoted, `"`+whsec(n)+`"`)
	}
	g := guard(`{"api_key":"sk_us_of_a_benchmark","tokens":["a-token-of-a-benchmark"],"webhook_secrets":[` + strings.Join(quoted, ",") + `]}`)
	body := []byte(`{"note":"` + strings.Repeat("x", bodySize-len(`{"note":""}`)) + `"}`)
	header, err := auth.Sign(sensitive.New(whsec(secrets-1)), "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Now(), body)
	if err != nil {
		panic(err)
	}
	call := auth.Call{Header: header, Webhook: true, Body: func() ([]byte, error) { return body, nil }}
	measured := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := g.Admit(context.Background(), call); err != nil {
				b.Fatal(err)
			}
		}
	})
	each := time.Duration(measured.NsPerOp())
	fmt.Printf("a signed webhook of %d bytes, %s: %v (at most %v), %d allocations (at most %d), %d bytes\n",
		len(body), says, each, maxTime, measured.AllocsPerOp(), maxAllocations, measured.AllocedBytesPerOp())
	return each <= maxTime && measured.AllocsPerOp() <= maxAllocations
}

// measureTokens compares wrong tokens of one length. The two are tried in turns, so that whatever else
// this machine does meets both; the median of the rounds' ratios is what counts.
func measureTokens(length int) bool {
	right := strings.Repeat("r", length)
	g := guard(`{"api_key":"sk_us_of_a_benchmark","tokens":["` + right + `"],"webhook_secrets":[]}`)
	near := http.Header{"X-Vital-Api-Key": {right[:length-1] + "w"}}
	far := http.Header{"X-Vital-Api-Key": {strings.Repeat("w", length)}}
	refuse := func(header http.Header) time.Duration {
		call := auth.Call{Header: header}
		began := time.Now()
		for range perRound {
			if _, err := g.Admit(context.Background(), call); err == nil {
				panic("a wrong token is let in")
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
	fmt.Printf("a wrong token of %d bytes, right but for its last byte, against one wrong from its first: ratio %.3f (%.2f to %.2f), middle half %.3f to %.3f\n",
		length, median, 1/maxRatio, maxRatio, ratios[len(ratios)/4], ratios[len(ratios)*3/4])
	return median <= maxRatio && median >= 1/maxRatio
}
