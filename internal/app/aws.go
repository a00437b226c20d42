package app

import (
	"context"
	"net/http"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
)

// maxConnections bounds the connections to one AWS service. They are HTTP/1.1: one for each call under
// way, of the 1,024 files that a Lambda may have open. Further calls wait for one.
const maxConnections = 100

// awsConfig returns the AWS configuration, loaded at its first use and shared from then on: loading it
// overlaps with the function's start where a background read is first.
func awsConfig() func() (aws.Config, error) {
	return sync.OnceValues(func() (aws.Config, error) {
		client := awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
			t.MaxConnsPerHost, t.MaxIdleConnsPerHost = maxConnections, maxConnections
		})
		return config.LoadDefaultConfig(context.Background(), config.WithHTTPClient(client))
	})
}
