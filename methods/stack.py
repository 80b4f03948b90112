"""The networks of R seeds as one: their parameters lie in one tensor, and each layer runs for all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from methods.networks import LOG_VARIANCE_RANGE, Autoencoder

#: Floats to which each seed's part of a tensor is aligned: 64 bytes. The rounding of a matrix product depends on the
#: alignment of its operands, so each seed must have the same.
ALIGNMENT = 16
#: Columns of a product below which its transpose is computed: they do not fill the vectors of the CPU.
NARROW_COLUMNS = 16


class Layer:
    """A linear layer of R seeds, y = x Wᵀ + b for each.

    A layer takes part once in a step. Its backward pass therefore writes the gradients, and adds to none.

    Parameters
    ----------
    weight, bias : Tensor of shape (R, n_out, n_in), (R, n_out)
    weight_gradient, bias_gradient : Tensor
        Of the same shapes; `backward` writes to them.
    """

    def __init__(self, weight: Tensor, bias: Tensor, weight_gradient: Tensor, bias_gradient: Tensor) -> None:
        self.weight, self.bias = weight, bias.unsqueeze(1)
        self.weight_gradient, self.bias_gradient = weight_gradient, bias_gradient

    def forward(self, x: Tensor) -> Tensor:
        """Return y (R, n, n_out) for x (R, n, n_in), aligned."""
        if x.is_cuda:
            return torch.baddbmm(self.bias, x, self.weight.transpose(1, 2))
        y = empty_aligned(len(x), x.shape[1], self.weight.shape[1])
        multiply(x, self.weight.transpose(1, 2), y)
        return y.add_(self.bias)

    def backward(self, x: Tensor, gradient: Tensor, *, to_input: bool) -> Tensor | None:
        """Write the gradients of the parameters, and return that of x if asked; ``gradient`` is that of y."""
        self.bias_gradient.copy_(gradient.sum(1))
        multiply(gradient.transpose(1, 2), x, self.weight_gradient)
        if not to_input:
            return None
        back = torch.empty_like(x) if x.is_cuda else empty_aligned(*x.shape)
        multiply(gradient, self.weight, back)
        return back


def multiply(a: Tensor, b: Tensor, out: Tensor) -> None:
    """Write the products of R matrices a (R, n, m) and b (R, m, k) to ``out`` (R, n, k).

    On the CPU each rounds as by itself: they are computed as a batch only where that changes no bit. Few columns, such
    as the ten dimensions of a code, take a fraction of the time as rows.
    """
    if not a.is_cuda and out.shape[2] < NARROW_COLUMNS <= out.shape[1]:
        turned = empty_aligned(len(out), out.shape[2], out.shape[1])
        multiply(b.transpose(1, 2), a.transpose(1, 2), turned)
        out.copy_(turned.transpose(1, 2))
        return
    single_thread = torch.get_num_threads() == 1  # several share a single product, and divide a batch
    layout = (a.stride(1) == 1, b.stride(1) == 1)
    if a.is_cuda or (single_thread and batch_equals_single(*a.shape, b.shape[2], *layout)):
        torch.bmm(a, b, out=out)
        return
    for a_seed, b_seed, out_seed in zip(a.unbind(), b.unbind(), out.unbind(), strict=True):
        torch.mm(a_seed, b_seed, out=out_seed)


@cache
def batch_equals_single(n_seeds: int, n: int, m: int, k: int, a_transposed: bool, b_transposed: bool) -> bool:
    """Tell whether a batch of products rounds as single ones: it depends on the library, the processor and shapes."""
    generator = torch.Generator().manual_seed(0)

    def operand(rows: int, columns: int, transposed: bool) -> Tensor:
        shape = (columns, rows) if transposed else (rows, columns)
        drawn = torch.randn((n_seeds, *shape), generator=generator)
        made = empty_aligned(n_seeds, *shape).copy_(drawn)
        return made.transpose(1, 2) if transposed else made

    a, b = operand(n, m, a_transposed), operand(m, k, b_transposed)
    together, alone = empty_aligned(n_seeds, n, k), empty_aligned(n_seeds, n, k)
    torch.bmm(a, b, out=together)
    for a_seed, b_seed, out in zip(a, b, alone, strict=True):
        torch.mm(a_seed, b_seed, out=out)
    return torch.equal(together, alone)


class _Perceptron(torch.autograd.Function):
    """Layers with a ReLU behind each, then one or two linear heads."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, gradients: Tensor, body: Sequence[Layer], heads: Sequence[Layer]
    ) -> tuple[Tensor, ...]:
        del gradients  # an input that requires a gradient, so that autograd calls `backward`
        activations = [with_aligned_seeds(x)]
        for layer in body:
            activations.append(layer.forward(activations[-1]).clamp_min_(0))
        ctx.activations, ctx.body, ctx.heads = activations, body, heads
        return tuple(head.forward(activations[-1]) for head in heads)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        body, activations = ctx.body, ctx.activations
        below = bool(body) or ctx.needs_input_grad[0]
        total: Any = None
        for head, gradient in zip(ctx.heads, gradients, strict=True):
            back = head.backward(activations[-1], with_aligned_seeds(gradient), to_input=below)
            total = back if total is None else total.add_(back)
        for i in reversed(range(len(body))):
            torch.ops.aten.threshold_backward.grad_input(total, activations[i + 1], 0, grad_input=total)
            total = body[i].backward(activations[i], total, to_input=i > 0 or ctx.needs_input_grad[0])
        return total, None, None, None


class Stack:
    """The trained parameters of R seeds, each a row of one tensor, and the networks' layers on them.

    The parameters of the seeds' networks become views of the rows: what the optimizer does to the rows, it does to
    the networks.

    Parameters
    ----------
    networks : sequence of Autoencoder
        One a seed, of equal shapes.
    weight_decay : mapping of str to float
        Weight decay of each trained part of the network: "body", "code", "log_variance", "decoder". Other parts keep
        their weights.
    extra : sequence of dict of str to Tensor
        Further trained parameters of each seed, without weight decay; the values become views too.

    Attributes
    ----------
    groups : list of dict
        Parameter groups for an optimizer of `torch.optim`.
    extra : dict of str to Tensor
        The further parameters, (R, ...).
    """

    def __init__(
        self, networks: Sequence[Autoencoder], weight_decay: Mapping[str, float], extra: Sequence[dict[str, Tensor]]
    ) -> None:
        self.networks, self.per_seed_extra = list(networks), list(extra)
        self.groups: list[dict[str, Any]] = []
        self._parts: dict[str, list[Layer]] = {}
        self._used: set[str] = set()  # the parts that the losses of this step depend on
        for decay in dict.fromkeys(weight_decay.values()):
            names = [name for name, value in weight_decay.items() if value == decay]
            linear = [[_linear(getattr(network, name)) for name in names] for network in networks]
            values, gradients = self._add_group(
                [[p for part in parts for layer in part for p in layer.parameters()] for parts in linear], decay
            )
            tensors = iter(zip(values, gradients, strict=True))
            for name, part in zip(names, linear[0], strict=True):
                self._parts[name] = []
                for _ in part:
                    (weight, weight_gradient), (bias, bias_gradient) = next(tensors), next(tensors)
                    self._parts[name].append(Layer(weight, bias, weight_gradient, bias_gradient))
        self.extra: dict[str, Tensor] = {}
        self._extra_gradients: list[Tensor] = []
        if extra[0]:
            parameters = [[nn.Parameter(tensor.detach()) for tensor in seed.values()] for seed in extra]
            values, self._extra_gradients = self._add_group(parameters, 0.0)
            self.extra = {name: v.detach().requires_grad_() for name, v in zip(extra[0], values, strict=True)}
            for seed, mine in zip(extra, parameters, strict=True):
                seed.update({name: p.data for name, p in zip(seed, mine, strict=True)})

    def encode(self, x: Tensor) -> Tensor:
        """Return the codes (R, n, latent_dim) of points (R, n, n_features)."""
        return self._run(x, "body", ["code"])[0]

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mu and log sigma² of q(z|x), each (R, n, latent_dim), for points (R, n, n_features)."""
        mean, log_variance = self._run(x, "body", ["code", "log_variance"])
        return mean, log_variance.clamp(*LOG_VARIANCE_RANGE)

    def decode(self, z: Tensor) -> Tensor:
        """Return the output (R, n, n_features) for codes (R, n, latent_dim): means, or Bernoulli logits."""
        return self._run(z, "decoder", [])[0]

    def step(self, optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
        """Take an optimizer step on the gradient of the losses (R,).

        Raises
        ------
        RuntimeError
            If the losses do not depend on each trained part of the network, whose gradient would be an old one.
        """
        if unused := self._parts.keys() - self._used:
            raise RuntimeError(f"the loss does not depend on {', '.join(sorted(unused))}, which is to be trained")
        self._used.clear()
        inputs = [self.groups[0]["params"][0], *self.extra.values()]
        _, *gradients = torch.autograd.grad(loss, inputs, torch.ones_like(loss), allow_unused=True)
        for gradient, target in zip(gradients, self._extra_gradients, strict=True):
            target.copy_(gradient)
        optimizer.step()

    def release(self, row: int) -> None:
        """Give a seed memory of its own."""
        for parameter in self.networks[row].parameters():
            parameter.data = parameter.data.clone()
        self.per_seed_extra[row].update({name: value.clone() for name, value in self.per_seed_extra[row].items()})

    def _run(self, x: Tensor, body: str, heads: Sequence[str]) -> tuple[Tensor, ...]:
        """Return the output of each head, or of the last layer of the body if there are none."""
        if used := self._used.intersection((body, *heads)):
            raise RuntimeError(f"{', '.join(sorted(used))} takes part twice in a step, and would lose a gradient")
        self._used.update((body, *heads))
        layers = self._parts[body]
        last = [layer for head in heads for layer in self._parts[head]] or layers[-1:]
        return _Perceptron.apply(x, self.groups[0]["params"][0], layers if heads else layers[:-1], last)

    def _add_group(
        self, parameters: Sequence[Sequence[nn.Parameter]], weight_decay: float
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Move parameters into the rows of a new tensor; return views (R, ...) of each and of its gradient."""
        shapes = [p.shape for p in parameters[0]]
        spans, size = [], 0
        for shape in shapes:
            spans.append((size, size + shape.numel()))
            size = -(-(size + shape.numel()) // ALIGNMENT) * ALIGNMENT
        size = -(-size // (4 * ALIGNMENT)) * 4 * ALIGNMENT  # whole vectors, so that no value depends on R
        rows = nn.Parameter(parameters[0][0].new_zeros((len(parameters), size)))
        rows.grad = torch.zeros_like(rows)
        for row, seed in zip(rows.data, parameters, strict=True):
            for parameter, (start, end) in zip(seed, spans, strict=True):
                row[start:end] = parameter.data.flatten()
                parameter.data = row[start:end].view(parameter.shape)
        self.groups.append({"params": [rows], "weight_decay": weight_decay})
        views = [
            [tensor[:, start:end].unflatten(1, shape) for (start, end), shape in zip(spans, shapes, strict=True)]
            for tensor in (rows.data, rows.grad)
        ]
        return views[0], views[1]


def _linear(part: nn.Module) -> list[nn.Linear]:
    return [module for module in part.modules() if isinstance(module, nn.Linear)]


def empty_aligned(n_seeds: int, n: int, width: int) -> Tensor:
    """Return an uninitialized CPU tensor (n_seeds, n, width) in which each seed's part is contiguous and aligned."""
    if n_seeds == 1 or n % ALIGNMENT == 0:
        return torch.empty((n_seeds, n, width))
    return torch.empty((n_seeds, -(-n // ALIGNMENT) * ALIGNMENT, width))[:, :n]


def with_aligned_seeds(x: Tensor) -> Tensor:
    """Return x (R, n, d) with each seed's part contiguous and aligned; a copy only if it is not."""
    if x.is_cuda:
        return x.contiguous()
    whole = x.stride(1) == x.shape[2] and x.stride(2) == 1
    if whole and x.data_ptr() % (4 * ALIGNMENT) == 0 and (len(x) == 1 or x.stride(0) % ALIGNMENT == 0):
        return x
    return empty_aligned(*x.shape).copy_(x)
