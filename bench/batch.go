package main

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

// answerTime is how long the slow Junction takes for a refresh.
const answerTime = time.Second

// slow is a Junction that answers every refresh after answerTime.
func slow(w http.ResponseWriter, r *http.Request) {
	user := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	select {
	case <-time.After(answerTime):
	case <-r.Context().Done():
		return
	}
	_, _ = fmt.Fprintf(w, `{"success":true,"user_id":%q,"refreshed_sources":["withings/body","withings/sleep"],"in_progress_sources":[],"failed_sources":[]}`, user)
}

// batch is an SQS event with a message for each of so many users.
func batch(messages int) string {
	var records []string
	for i := range messages {
		records = append(records, fmt.Sprintf(`{"messageId":"%d","receiptHandle":"%d","eventSource":"aws:sqs","attributes":{"ApproximateReceiveCount":"1"},"body":"{\"user_id\":\"%s\",\"timeout\":30}"}`,
			i, i, junctiontest.GeneratedUserID(i)))
	}
	return `{"Records":[` + strings.Join(records, ",") + `]}`
}

// timeBatch has one function refresh and publish a batch of each of these sizes, one after another, and
// returns how long each took, and the most memory that was resident, in MiB.
func timeBatch(binary string, environ []string, concurrency int, sizes ...int) (took []time.Duration, mib float64, err error) {
	environ = append(environ, "MAX_CONCURRENCY="+strconv.Itoa(concurrency), "RESULT_BUS=results", "QUOTA_LIMIT=8")
	_, err = run(binary, environ, func(api *runtimeAPI, command *exec.Cmd) error {
		for _, size := range sizes {
			one, err := api.invoke(batch(size), `{"batchItemFailures":[]}`)
			if err != nil {
				return err
			}
			took = append(took, one)
		}
		mib, err = residentMiB(command.Process.Pid, "VmHWM")
		return err
	})
	return took, mib, err
}

// fanOut has one function work through all users of a team: the first invocation and then each page's.
// It returns how many invocations deep that is, with the refreshes themselves, and the memory after the
// first tenth of the pages and after the last.
func fanOut(binary string, environ []string, queue *sqs) (depth int, early, late float64, err error) {
	environ = append(environ, "REFRESH_QUEUE_URL="+queue.url)
	_, err = run(binary, environ, func(api *runtimeAPI, command *exec.Cmd) error {
		pid := command.Process.Pid
		if _, err := api.invoke(`{"all_users":true,"timeout":30}`, `"status":"queued"`); err != nil {
			return err
		}
		waiting := queue.take()
		for depth = 2; len(waiting) > 0 && strings.Contains(waiting[0], "all_users"); depth++ {
			for i, page := range waiting {
				body, _ := json.Marshal(page)
				event := fmt.Sprintf(`{"Records":[{"messageId":"m","receiptHandle":"h","eventSource":"aws:sqs","body":%s}]}`, body)
				if _, err := api.invoke(event, `{"batchItemFailures":[]}`); err != nil {
					return err
				}
				if i == len(waiting)/10 {
					if early, err = residentMiB(pid, "VmRSS"); err != nil {
						return err
					}
				}
			}
			waiting = queue.take()
		}
		late, err = residentMiB(pid, "VmRSS")
		return err
	})
	return depth, early, late, err
}

// team is how many users fanOut has. Of each ten generated ones, nine have a source.
const team = 100_000

func newTeam() *junctiontest.Simulator {
	return junctiontest.New(junctiontest.WithUsers(), junctiontest.WithGeneratedUsers(team), junctiontest.WithRepeatedUsers(0),
		junctiontest.WithSpeed(math.Inf(1)), junctiontest.WithKeys("sk_us_bench"))
}
