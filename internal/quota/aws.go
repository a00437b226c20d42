package quota

import (
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// Client returns the AWS client of the table, which is made at its first use, of a configuration that is
// loaded then, and shared from then on.
// Throttled writes are tried again with jitter as often as fits into tableTimeout.
func Client(load func() (aws.Config, error)) func() (Table, error) {
	return sync.OnceValues(func() (Table, error) {
		cfg, err := load()
		if err != nil {
			return nil, err
		}
		return dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) {
			o.Retryer = retry.NewStandard(func(s *retry.StandardOptions) {
				s.MaxAttempts, s.MaxBackoff = 4, 50*time.Millisecond
			})
		}), nil
	})
}
