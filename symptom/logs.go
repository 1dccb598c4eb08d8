package symptom

// The observations of the log reader that symptoms rest on. Logs support what
// is probed and are never believed when a probe says otherwise.
const (
	logSandboxFailed     = "kubelet-sandbox-failed"
	logSandboxCNI        = "sandbox-network-failed"
	logUnauthorized      = "unauthorized"
	logX509              = "x509"
	logCertExpired       = "cert-expired"
	logLeaseFailed       = "kubelet-lease-failed"
	logEtcdSlowSync      = "etcd-fdatasync-slow"
	logEtcdLeaderLost    = "etcd-leader-lost"
	logEtcdLeaderChanged = "etcd-leader-changed"
	logEtcdNoSpace       = "etcd-no-space"
	logAPIEtcdError      = "apiserver-etcd-error"
	logAPISlowRequest    = "apiserver-slow-request"
	logDiskFull          = "disk-full"
	logContainerdFull    = "containerd-disk-full"
	logEtcdDiskFull      = "etcd-disk-full"
	logReadOnly          = "file-read-only"
	logFilesExhausted    = "files-exhausted"
	logOOMKill           = "kernel-oom-kill"
	logEtcdClock         = "etcd-clock-differs"
	logAuthFailed        = "apiserver-auth-failed"
	logEtcdTooLarge      = "etcd-too-large"
	logEtcdLocked        = "etcd-locked"
	logContainerdLocked  = "containerd-locked"
)
