package app

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
)

// maxConnections bounds the connections to one AWS service. They are HTTP/1.1: each carries one call at a
// time, and a Lambda may have 1,024 files open. Further calls wait for a connection.
const maxConnections = 100

// attemptTimeout bounds each attempt of a call to AWS. A call has 5 s for all its attempts (the table has
// less), so after one lost answer there is time for another attempt: the SDK pauses for at most 1 s before it.
const attemptTimeout = 2 * time.Second

// awsConfig returns a function that returns the AWS configuration, loaded at the first call. If the first call
// is a background read, loading overlaps with the function's start.
func awsConfig() func() (aws.Config, error) {
	return sync.OnceValues(func() (aws.Config, error) {
		client := awshttp.NewBuildableClient().WithTimeout(attemptTimeout).WithTransportOptions(func(t *http.Transport) {
			t.MaxConnsPerHost, t.MaxIdleConnsPerHost = maxConnections, maxConnections
		})
		return config.LoadDefaultConfig(context.Background(), config.WithHTTPClient(client))
	})
}
