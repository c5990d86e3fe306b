package command

import (
	"os"
	"slices"

	"github.com/podproof/podproof/framework/elsewhere/incluster"
	"github.com/podproof/podproof/framework/elsewhere/rights"
	"github.com/podproof/podproof/framework/options"
	"github.com/podproof/podproof/framework/witness/witnessimage"
	"github.com/spf13/cobra"
)

// newJob is `podproof job`: a manifest with which podproof runs in the cluster.
func newJob(suites Suites) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "job",
		Short: "Print a Job that runs podproof in the cluster that it tests",
		Example: `  podproof job --profile=quick | kubectl apply -f -
  podproof job --nodes=all --shards=2 | kubectl apply -f -`,
		Args: noArguments, ValidArgsFunction: cobra.NoFileCompletions,
	}
	pod := newPodFlags(cmd)
	nodes := nodesFlags{}
	nodes.register(cmd, false)
	shards := cmd.Flags().Int("shards", 1, "with --nodes: the `number` of pods of the Job, each of which judges a part of the nodes")
	named := cmd.Flags().String("serviceaccount", "podproof/podproof", "the account of the Job, as `NAMESPACE/NAME`; the Job is in that namespace, which has to exist when you give --namespaces")
	cmd.RunE = func(*cobra.Command, []string) error {
		o, err := pod.check(suites)
		if err != nil {
			return err
		}
		account, err := rights.ParseAccount(*named)
		if err != nil {
			return options.Usagef("serviceaccount: %v", err)
		}
		if slices.Contains(o.Namespaces, account.Namespace) {
			return options.Usagef("the Job itself would be in %s, one of the namespaces that its run is confined to and that must have no other pods; give it another by --serviceaccount=NAMESPACE/NAME", account.Namespace)
		}
		job := incluster.Job{Image: pod.image, Account: account, Namespaces: o.Namespaces, Args: pod.args()}
		if job.Shards, err = nodes.shards(o, *shards); err != nil {
			return err
		}
		if job.Shards > 0 {
			job.Args = append(job.Args, "--nodes="+nodes.nodes)
		}
		return printed(job.Manifest())
	}
	return cmd
}

// podFlags are the flags of the commands that print podproof as a pod.
type podFlags struct {
	*runFlags
	image string
}

func newPodFlags(cmd *cobra.Command) *podFlags {
	f := &podFlags{runFlags: optionFlags(cmd, func(o options.Flag) bool { return o.InJob })}
	cmd.Flags().StringVar(&f.image, "image", "", "`reference` of podproof's image (default: that of `podproof image`)")
	return f
}

// check gives the options of the run in the pod, finds what would end it there, and names
// the image.
func (f *podFlags) check(suites Suites) (options.Options, error) {
	o := options.Defaults()
	o.InCluster = true
	o, err := options.Source{Given: f.given}.Over(o)
	if err == nil {
		err = o.Validate()
	}
	if err != nil {
		return o, err
	}
	if _, _, err := witnessimage.Named(o.Witness, o.WitnessTwin); err != nil {
		return o, options.Usagef("%v", err)
	}
	if _, err := suites.Preview(o); err != nil {
		return o, err
	}
	if f.image == "" {
		var self string
		if self, err = os.Executable(); err == nil {
			f.image, err = incluster.Reference(self)
		}
	}
	return o, err
}

// printed prints a manifest, unless there is none for an error.
func printed(manifest []byte, err error) error {
	if err == nil {
		_, err = os.Stdout.Write(manifest)
	}
	return err
}
