package main

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// answerTime is how long the stand-in for Junction takes for a refresh: long enough that all refreshes of a batch run
// at the same time.
const answerTime = time.Second

// measured has what an instance of the function used for a batch.
type measured struct {
	cold, warm time.Duration // processor time of the first batch, including TLS handshakes, and of a later one
	rss        float64       // highest resident memory, in MiB
}

// measure runs a built function with batches of SQS messages, each for another user, against stand-ins for Junction,
// DynamoDB and Secrets Manager that use TLS. It runs one batch in one process, and five in another.
func measure(function string, batch int) (m measured, err error) {
	cpuOfOne, rssOfOne, err := runBatches(function, batch, 1)
	if err != nil {
		return m, err
	}
	cpuOfFive, rssOfFive, err := runBatches(function, batch, 5)
	return measured{cold: cpuOfOne, warm: max(0, cpuOfFive-cpuOfOne) / 4, rss: max(rssOfOne, rssOfFive)}, err
}

// runBatches runs a function with the given number of batches.
func runBatches(function string, batch, count int) (cpu time.Duration, rssMiB float64, err error) {
	services := httptest.NewUnstartedServer(http.HandlerFunc(standIn))
	services.Config.ErrorLog = log.New(io.Discard, "", 0)
	services.StartTLS()
	defer services.Close()
	roots, err := os.CreateTemp("", "scale-*.pem")
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = os.Remove(roots.Name()) }()
	if err := pem.Encode(roots, &pem.Block{Type: "CERTIFICATE", Bytes: services.Certificate().Raw}); err != nil {
		return 0, 0, err
	}
	ended, answered := make(chan struct{}), 0
	runtime := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/next") && answered < count:
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", "scale")
			w.Header().Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(time.Now().Add(90*time.Second).UnixMilli(), 10))
			_, _ = io.WriteString(w, queueEvent(batch))
		case strings.HasSuffix(r.URL.Path, "/response"):
			body, _ := io.ReadAll(r.Body)
			if string(body) != `{"batchItemFailures":[]}` {
				fmt.Fprintf(os.Stderr, "the function answered %.300s\n", body)
			}
			answered++
			w.WriteHeader(http.StatusAccepted)
		default: // the function polls for another batch, or reports an error
			close(ended)
			<-r.Context().Done()
		}
	}))
	defer runtime.CloseClientConnections()
	command := exec.Command(function)
	command.Env = []string{
		"JUNCTION_SECRET_ID=scale", "JUNCTION_BASE_URL=" + services.URL, "QUOTA_TABLE=scale", "COALESCE_WINDOW=0s", "MAX_CONCURRENCY=" + strconv.Itoa(batch),
		"AWS_ENDPOINT_URL=" + services.URL, "SSL_CERT_FILE=" + roots.Name(), "AWS_LAMBDA_RUNTIME_API=" + strings.TrimPrefix(runtime.URL, "http://"),
		"AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=scale", "AWS_SECRET_ACCESS_KEY=scale", "AWS_LAMBDA_FUNCTION_NAME=scale",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128", "AWS_LAMBDA_LOG_FORMAT=JSON", "GOMAXPROCS=1",
	}
	if err := command.Start(); err != nil {
		return 0, 0, err
	}
	select {
	case <-ended:
	case <-time.After(2 * time.Minute):
		err = fmt.Errorf("%s did not finish %d batches of %d", function, count, batch)
	}
	_ = command.Process.Kill()
	_ = command.Wait()
	used := command.ProcessState.SysUsage().(*syscall.Rusage)
	return command.ProcessState.UserTime() + command.ProcessState.SystemTime(), float64(used.Maxrss) / 1024, err
}

// standIn answers as Junction, DynamoDB and Secrets Manager do if there is no error.
func standIn(w http.ResponseWriter, r *http.Request) {
	var answer any = map[string]string{}
	switch {
	case strings.HasPrefix(r.URL.Path, "/v2/user/refresh/"):
		time.Sleep(answerTime)
		answer = map[string]any{
			"success": true, "user_id": path.Base(r.URL.Path), "in_progress_sources": []string{}, "failed_sources": []string{},
			"refreshed_sources": []string{"withings/body", "withings/sleep", "oura/sleep", "oura/activity"},
		}
	case strings.HasPrefix(r.Header.Get("X-Amz-Target"), "secretsmanager."):
		answer = map[string]string{"Name": "scale", "SecretString": "sk_us_scale"}
	case strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".BatchExecuteStatement"):
		var call struct{ Statements []struct{} }
		_ = json.NewDecoder(r.Body).Decode(&call)
		answer = map[string]any{"Responses": call.Statements} // none has an error
	}
	if r.Header.Get("X-Amz-Target") != "" {
		w.Header().Set("Content-Type", r.Header.Get("Content-Type"))
	} else {
		w.Header().Set("Content-Type", "application/json")
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// queueEvent returns a batch as Lambda delivers it.
func queueEvent(batch int) string {
	records := make([]map[string]any, batch)
	for i := range records {
		records[i] = map[string]any{
			"messageId": fmt.Sprintf("m%d", i), "receiptHandle": "scale", "eventSource": "aws:sqs", "awsRegion": "us-east-1",
			"eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:scale", "attributes": map[string]string{"ApproximateReceiveCount": "1"},
			"body": fmt.Sprintf(`{"user_id":"1449752e-0d8a-40e0-9206-%012d","timeout":30}`, i),
		}
	}
	event, _ := json.Marshal(map[string]any{"Records": records})
	return string(event)
}
