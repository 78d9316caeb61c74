"""Muon for the matrices of the layers: momentum, orthogonalised by a Newton-Schulz iteration.

After K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks" (2024). It needs
about half of AdamW's steps here, which is what makes training on two cores short. Embedding and
norms stay with AdamW.
"""

import torch

# Quintic coefficients of the reference: singular values end in about [0.7, 1.2].
A, B, C = 3.4445, -4.7750, 2.0315


def orthogonalise(stack, rounds=5):
    """Nearest semi-orthogonal matrices, approximately, of a stack [n, rows <= cols, cols]."""
    x = stack / (stack.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(rounds):
        gram = x @ x.mT
        x = A * x + (B * gram + C * gram @ gram) @ x
    return x


class Muon:
    """Steps `params` (matrices); equal shapes, also transposed ones, share one batched iteration."""

    def __init__(self, params, momentum=0.95):
        self.momentum = momentum
        self.groups = {}
        for p in params:
            self.groups.setdefault(tuple(sorted(p.shape)), []).append(p)
        self.state = {p: torch.zeros_like(p) for group in self.groups.values() for p in group}

    @torch.no_grad()
    def step(self, lr, decay):
        for group in self.groups.values():
            updates = []
            for p in group:
                m = self.state[p].lerp_(p.grad, 1 - self.momentum)
                nesterov = p.grad.lerp(m, self.momentum)
                updates.append(nesterov.mT if p.shape[0] > p.shape[1] else nesterov)
            for p, u in zip(group, orthogonalise(torch.stack(updates))):
                u = u.mT if p.shape[0] > p.shape[1] else u
                p.mul_(1 - lr * decay)
                # An orthogonal update has rms 1/sqrt(larger side); the factor keeps rms independent of it.
                p.add_(u, alpha=-lr * max(p.shape) ** 0.5 * 0.2)
