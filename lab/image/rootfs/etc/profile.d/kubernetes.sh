# A person at a control plane's shell speaks to the cluster as its administrator.
if [ -r /etc/kubernetes/admin.conf ]; then export KUBECONFIG=/etc/kubernetes/admin.conf; fi
