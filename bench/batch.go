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

// answerTime is how long the slow stand-in for Junction takes for a refresh.
const answerTime = time.Second

// slow is a stand-in for Junction that answers every refresh after answerTime.
func slow(w http.ResponseWriter, r *http.Request) {
	user := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	select {
	case <-time.After(answerTime):
	case <-r.Context().Done():
		return
	}
	_, _ = fmt.Fprintf(w, `{"success":true,"user_id":%q,"refreshed_sources":["withings/body","withings/sleep"],"in_progress_sources":[],"failed_sources":[]}`, user)
}

// batch returns an SQS event with the given number of messages, each for another user.
func batch(size int) string {
	var records []string
	for i := range size {
		records = append(records, fmt.Sprintf(`{"messageId":"%d","receiptHandle":"%d","eventSource":"aws:sqs","attributes":{"ApproximateReceiveCount":"1"},"body":"{\"user_id\":\"%s\",\"timeout\":30}"}`,
			i, i, junctiontest.GeneratedUserID(i)))
	}
	return `{"Records":[` + strings.Join(records, ",") + `]}`
}

// timeBatches runs one function with a batch of each of the given sizes, one after the other. It returns how long
// each took, and the highest resident memory in MiB.
func timeBatches(binary string, environ []string, concurrency int, sizes ...int) (took []time.Duration, mib float64, err error) {
	environ = append(environ, "MAX_CONCURRENCY="+strconv.Itoa(concurrency), "RESULT_BUS=results", "QUOTA_LIMIT=8")
	_, err = run(binary, environ, func(api *runtimeAPI, command *exec.Cmd) error {
		for _, size := range sizes {
			duration, err := api.invoke(batch(size), `{"batchItemFailures":[]}`)
			if err != nil {
				return err
			}
			took = append(took, duration)
		}
		mib, err = residentMiB(command.Process.Pid, "VmHWM")
		return err
	})
	return took, mib, err
}

// fanOut runs one function for all users of a team: the first invocation, and then one for each page. It returns how
// many invocations follow from each other, including the refreshes, and the resident memory in MiB after a tenth of
// the pages and after all of them.
func fanOut(binary string, environ []string, queue *sqs) (depth int, early, late float64, err error) {
	environ = append(environ, "REFRESH_QUEUE_URL="+queue.url)
	_, err = run(binary, environ, func(api *runtimeAPI, command *exec.Cmd) error {
		pid := command.Process.Pid
		if _, err := api.invoke(`{"all_users":true,"timeout":30}`, `"status":"queued"`); err != nil {
			return err
		}
		waiting := queue.receive()
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
			waiting = queue.receive()
		}
		late, err = residentMiB(pid, "VmRSS")
		return err
	})
	return depth, early, late, err
}

// teamSize is the number of users for fanOut. Nine in ten generated users have a source.
const teamSize = 100_000

func newTeam() *junctiontest.Simulator {
	return junctiontest.New(junctiontest.WithUsers(), junctiontest.WithGeneratedUsers(teamSize), junctiontest.WithRepeatedUsers(0),
		junctiontest.WithSpeed(math.Inf(1)), junctiontest.WithKeys("sk_us_bench"))
}
