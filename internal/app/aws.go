package app

import (
	"cmp"
	"context"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
)

// maxConnections bounds the connections to one AWS service. They are HTTP/1.1: each carries one call at a
// time, and a Lambda may have 1,024 files open. Further calls wait for a connection.
const maxConnections = 100

const (
	// attemptTimeout bounds each attempt of a call to AWS. A call has 5 s for all its attempts (the table has
	// less), so after one lost answer there is time for another attempt.
	attemptTimeout = 2 * time.Second
	// maxPause is the longest pause between two attempts. The SDK's own, of up to 2 s before the second one and
	// 4 s before the third, would leave too little of the 5 s.
	maxPause = time.Second
)

// awsConfig returns a function that returns the AWS configuration, loaded at the first call. If the first call
// is a background read, loading overlaps with the function's start.
func awsConfig() func() (aws.Config, error) {
	return sync.OnceValues(func() (aws.Config, error) {
		client := awshttp.NewBuildableClient().WithTimeout(attemptTimeout).WithTransportOptions(func(t *http.Transport) {
			t.MaxConnsPerHost, t.MaxIdleConnsPerHost = maxConnections, maxConnections
		})
		retryer := func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) { o.Backoff = retry.BackoffDelayerFunc(pause) })
		}
		return config.LoadDefaultConfig(context.Background(), config.WithHTTPClient(client), config.WithRetryer(retryer))
	})
}

// hasOwnHost reports whether a service is at another host than those before it in the start: AWS's own services are,
// and a stand-in can serve several. A second connection to one host is not needed, and preconnect.Open could not tell it
// from the first. The names are those of the SDK's variables.
func hasOwnHost(service string) bool {
	endpoint := func(name string) string {
		return cmp.Or(os.Getenv("AWS_ENDPOINT_URL_"+name), os.Getenv("AWS_ENDPOINT_URL"))
	}
	services := []string{"SECRETS_MANAGER", "DYNAMODB", "SQS", "EVENTBRIDGE"}
	before := services[:slices.Index(services, service)]
	return endpoint(service) == "" ||
		!slices.ContainsFunc(before, func(other string) bool { return endpoint(other) == endpoint(service) })
}

func pause(int, error) (time.Duration, error) {
	return rand.N(maxPause), nil //nolint:gosec // jitter needs no cryptography
}
