package quota

import (
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// Client returns a function that returns the table's AWS client. The client is made at the first call, from
// the configuration that load returns. It retries throttled requests quickly, to fit into tableTimeout.
func Client(load func() (aws.Config, error)) func() (*dynamodb.Client, error) {
	return sync.OnceValues(func() (*dynamodb.Client, error) {
		cfg, err := load()
		return dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) {
			o.Retryer = retry.NewStandard(func(s *retry.StandardOptions) {
				s.MaxAttempts, s.MaxBackoff = 4, 50*time.Millisecond
			})
		}), err
	})
}
