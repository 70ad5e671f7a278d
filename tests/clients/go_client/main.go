// The original Go client library of OpenWhisk, one call a line.
//
// A line of standard input names a call and its arguments in JSON; a line of standard
// output answers what the library gave back.  The library alone makes the requests and
// reads the answers.  Not the command line `wsk`: that one is built on this library.
// Source: github.com/apache/openwhisk-client-go, at the version that `wsk` pins.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"

	"github.com/apache/openwhisk-client-go/whisk"
)

type call struct {
	Call      string          `json:"call"`
	Namespace string          `json:"namespace"`
	Name      string          `json:"name"`
	Entity    json.RawMessage `json:"entity"`
	Payload   interface{}     `json:"payload"`
	Overwrite bool            `json:"overwrite"`
	Blocking  bool            `json:"blocking"`
	Result    bool            `json:"result"`
	Code      bool            `json:"code"`
	Limit     int             `json:"limit"`
	Skip      int             `json:"skip"`
	Since     int64           `json:"since"`
	Docs      bool            `json:"docs"`
}

type answer struct {
	Value       interface{} `json:"value"`
	Status      int         `json:"status"`
	Error       string      `json:"error,omitempty"`
	ExitCode    int         `json:"exitCode"`
	Application bool        `json:"application"`
	TimedOut    bool        `json:"timedOut"`
}

// The entity of a call as the library's own type, so that the library encodes it.
func entity[T any](c call) *T {
	value := new(T)
	if err := json.Unmarshal(c.Entity, value); err != nil {
		panic(err)
	}
	return value
}

func actions(client *whisk.Client, c call) (interface{}, *http.Response, error) {
	switch c.Call {
	case "actions.list":
		options := &whisk.ActionListOptions{Limit: c.Limit, Skip: c.Skip, Docs: c.Docs}
		return client.Actions.List(c.Name, options)
	case "actions.insert":
		return client.Actions.Insert(entity[whisk.Action](c), c.Overwrite)
	case "actions.get":
		return client.Actions.Get(c.Name, c.Code)
	case "actions.delete":
		response, err := client.Actions.Delete(c.Name)
		return nil, response, err
	case "actions.invoke":
		return client.Actions.Invoke(c.Name, c.Payload, c.Blocking, c.Result)
	}
	return packages(client, c)
}

func packages(client *whisk.Client, c call) (interface{}, *http.Response, error) {
	switch c.Call {
	case "packages.list":
		return client.Packages.List(&whisk.PackageListOptions{Limit: c.Limit, Skip: c.Skip})
	case "packages.insert":
		return client.Packages.Insert(entity[whisk.Package](c), c.Overwrite)
	case "packages.bind":
		binding := entity[whisk.BindingPackage](c)
		binding.Name = c.Name
		return client.Packages.Insert(binding, c.Overwrite)
	case "packages.get":
		return client.Packages.Get(c.Name)
	case "packages.delete":
		response, err := client.Packages.Delete(c.Name)
		return nil, response, err
	}
	return triggers(client, c)
}

func triggers(client *whisk.Client, c call) (interface{}, *http.Response, error) {
	switch c.Call {
	case "triggers.list":
		return client.Triggers.List(&whisk.TriggerListOptions{Limit: c.Limit, Skip: c.Skip})
	case "triggers.insert":
		return client.Triggers.Insert(entity[whisk.Trigger](c), c.Overwrite)
	case "triggers.get":
		return client.Triggers.Get(c.Name)
	case "triggers.delete":
		return client.Triggers.Delete(c.Name)
	case "triggers.fire":
		return client.Triggers.Fire(c.Name, c.Payload)
	}
	return rules(client, c)
}

func rules(client *whisk.Client, c call) (interface{}, *http.Response, error) {
	switch c.Call {
	case "rules.list":
		return client.Rules.List(&whisk.RuleListOptions{Limit: c.Limit, Skip: c.Skip})
	case "rules.insert":
		return client.Rules.Insert(entity[whisk.Rule](c), c.Overwrite)
	case "rules.get":
		return client.Rules.Get(c.Name)
	case "rules.delete":
		response, err := client.Rules.Delete(c.Name)
		return nil, response, err
	case "rules.enable":
		return client.Rules.SetState(c.Name, "active")
	case "rules.disable":
		return client.Rules.SetState(c.Name, "inactive")
	}
	return others(client, c)
}

func others(client *whisk.Client, c call) (interface{}, *http.Response, error) {
	switch c.Call {
	case "activations.list":
		return client.Activations.List(&whisk.ActivationListOptions{
			Name: c.Name, Limit: c.Limit, Skip: c.Skip, Since: c.Since, Docs: c.Docs})
	case "activations.get":
		return client.Activations.Get(c.Name)
	case "activations.logs":
		return client.Activations.Logs(c.Name)
	case "activations.result":
		return client.Activations.Result(c.Name)
	case "namespaces.list":
		return client.Namespaces.List()
	case "info.get":
		return client.Info.Get()
	}
	panic("no such call: " + c.Call)
}

func run(config whisk.Config, c call) answer {
	config.Namespace = c.Namespace
	client, err := whisk.NewClient(&http.Client{}, &config)
	if err != nil {
		return answer{Error: err.Error(), ExitCode: 1}
	}
	value, response, err := actions(client, c)
	told := answer{Value: value}
	if response != nil {
		told.Status = response.StatusCode
	}
	var failure *whisk.WskError
	if errors.As(err, &failure) {
		told.ExitCode = failure.ExitCode & 0xff // as a shell sees it
		told.Application, told.TimedOut = failure.ApplicationError, failure.TimedOut
	}
	if err != nil {
		told.Error = err.Error()
	}
	return told
}

func main() {
	config := whisk.Config{Host: os.Getenv("APIHOST"), AuthToken: os.Getenv("AUTH")}
	calls, answers := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	calls.UseNumber()
	for calls.More() {
		var c call
		if err := calls.Decode(&c); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		if err := answers.Encode(run(config, c)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
	}
}
